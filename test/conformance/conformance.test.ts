import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { compare, type Difference, type Recorded } from './compare.js';
import { perform, type Step, type Suite, type Variables } from './replay.js';
import { testServer, type TestServer } from './server.js';

/** Steps whose error may read otherwise than Apache OpenWhisk's, and why. At most five. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  'actions / kind that does not exist': 'it lists the kinds of the manifest, and the manifest is another one',
};

const { seed, suites } = (await import(beside('cases.mjs').href)) as { seed: Variables; suites: Suite[] };
const golden = JSON.parse(readFileSync(beside('golden.json'), 'utf8')) as Record<string, Recorded>;

describe('conformance with Apache OpenWhisk', function () {
  this.timeout(120_000);
  let server: TestServer;
  const otherWords: string[] = [];
  before(async () => {
    server = await testServer();
  });
  after(() => server?.stop());

  for (const suite of suites) {
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
          for (const one of before) await perform(server.base, one, variables);
          const id = `${suite.name} / ${step.name}`;
          const recorded = golden[id];
          assert.ok(recorded, `no recorded answer for ${id}`);
          const found = compare(step, recorded, await perform(server.base, step, variables));
          const hard = found.filter((difference) => !difference.textOnly);
          assert.equal(hard.length, 0, `${step.method} ${step.path}\n${hard.map(describeDifference).join('\n')}`);
          if (found.length > 0) otherWords.push(id);
          if (!(id in OTHER_WORDS)) assert.equal(found.length, 0, found.map(describeDifference).join('\n'));
        });
      }
      const last = setup;
      after(async () => {
        for (const one of last) await perform(server.base, one, variables);
      });
    });
  }

  it('uses other words in at most five places', () => {
    assert.ok(otherWords.length <= 5, otherWords.join('\n'));
  });
});

const describeDifference = ({ path, want, got }: Difference): string =>
  `${path}: wanted ${JSON.stringify(want)?.slice(0, 300)}, got ${JSON.stringify(got)?.slice(0, 300)}`;

/** Test data: it stays with the sources, the compiler does not copy it. */
function beside(name: string): URL {
  const here = new URL(name, import.meta.url);
  return existsSync(here) ? here : new URL(`../../../test/conformance/${name}`, import.meta.url);
}
