import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { detectDocker } from '../../invoker/containers/docker/detect.js';
import { compare, type Difference, type Recorded } from './compare.js';
import { brokerMissing } from '../integration/kafka/broker.js';
import { distributedServer } from './distributed.js';
import { perform, type Step, type Suite, type Variables } from './replay.js';
import { testServer, type TestServer } from './server.js';

/** Steps whose error may read otherwise than Apache OpenWhisk's, and why. At most five. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  'actions / kind that does not exist': 'it lists the kinds of the manifest, and the manifest is another one',
};

/** Places in answers that differ by design, and why. */
const OTHERWISE: Readonly<Record<string, { readonly path: string; readonly why: string }>> = {
  'triggers and rules / action was invoked by the rule': {
    path: '$.body.response.size',
    why: 'Apache OpenWhisk hands the credentials of whoever fired the trigger to the action; we do not, and so the result is smaller',
  },
};

const { seed, suites } = (await import(beside('cases.mjs').href)) as { seed: Variables; suites: Suite[] };
const golden = JSON.parse(readFileSync(beside('golden.json'), 'utf8')) as Record<string, Recorded>;

/**
 * Docker where there is an engine (under `CI=true` there has to be one), processes, and a distributed installation; or a
 * server that runs already.
 */
const servers: Readonly<Record<string, () => Promise<TestServer>>> = process.env['BASE_URL']
  ? { [process.env['BASE_URL']]: () => testServer() }
  : {
      Docker: () => testServer(['--docker']),
      processes: () => testServer(['--process']),
      'two controllers and two invokers': distributedServer,
    };

for (const [name, start] of Object.entries(servers)) {
  describe(`conformance with Apache OpenWhisk (${name})`, function () {
    let server: TestServer;
    const otherWords: string[] = [];
    before(async function () {
      this.timeout(600_000);
      if (name === 'Docker' && process.env['CI'] !== 'true') {
        const engine = await detectDocker();
        if (!engine.usable) {
          console.log(`    skipped: ${engine.reason}`);
          this.skip();
        }
      }
      const missing = start === distributedServer ? brokerMissing() : undefined;
      if (missing !== undefined) {
        console.log(`    skipped: ${missing}`);
        this.skip();
      }
      server = await start();
    });
    after(() => server?.stop());

    for (const suite of suites) runSuite(suite, () => server.base, otherWords);

    it('uses other words in at most five places', () => {
      assert.ok(otherWords.length <= 5, otherWords.join('\n'));
    });
  });
}

/** Steps of a suite build on each other; setup steps go out just before the step that follows them. */
function runSuite(suite: Suite, base: () => string, otherWords: string[]): void {
  describe(suite.name, () => {
    const variables: Variables = { ...seed };
    let setup: Step[] = [];
    for (const step of suite.steps) {
      if (step.setup) {
        setup.push(step);
        continue;
      }
      const before = setup;
      setup = [];
      it(step.name, async () => {
        for (const one of before) await perform(base(), one, variables);
        const id = `${suite.name} / ${step.name}`;
        const recorded = golden[id];
        assert.ok(recorded, `no recorded answer for ${id}`);
        const answer = await perform(base(), step, variables);
        const found = compare(step, recorded, answer).filter(({ path }) => path !== OTHERWISE[id]?.path);
        const hard = found.filter((difference) => !difference.textOnly);
        assert.equal(hard.length, 0, `${step.method} ${step.path}\n${hard.map(describeDifference).join('\n')}`);
        if (found.length > 0) otherWords.push(id);
        if (!(id in OTHER_WORDS)) assert.equal(found.length, 0, found.map(describeDifference).join('\n'));
      });
    }
    const last = setup;
    after(async () => {
      for (const one of last) await perform(base(), one, variables);
    });
  });
}

const describeDifference = ({ path, want, got }: Difference): string =>
  `${path}: wanted ${JSON.stringify(want)?.slice(0, 300)}, got ${JSON.stringify(got)?.slice(0, 300)}`;

/** Test data: it stays with the sources, the compiler does not copy it. */
function beside(name: string): URL {
  const here = new URL(name, import.meta.url);
  return existsSync(here) ? here : new URL(`../../../test/conformance/${name}`, import.meta.url);
}
