import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Topology } from '../../../deploy/local/Topology.js';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import { nodeAction, request, startTopology } from './cluster.js';

/** Of the invokers. */
const OPERATOR = { headers: { authorization: `Basic ${btoa('operator:secret')}` } };
const MOVE_MS = 10_000;
/** Not divisible by 2: a color meets both controllers, with and without waiting for its result. */
const COLORS = 37;

/** What became of an invocation. `invoker` and `home`: of the answer of a blocking one. */
interface Invoked {
  readonly color: number;
  readonly controller: string;
  readonly sentAt: number;
  readonly endedAt: number;
  readonly activationId: string;
  readonly invoker?: string | undefined;
  readonly home?: boolean | undefined;
}

describe('a planned drain of an invoker under load', function () {
  this.timeout(600_000);
  let topology: Topology;
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let folder: string;
  const bases: string[] = [];

  before(async function () {
    skipWithoutBroker(this);
    folder = await mkdtemp(join(tmpdir(), 'pw-drain-'));
    started = await startTopology({
      invokers: 3,
      environment: {
        CONFIG_whisk_invoker_username: 'operator',
        CONFIG_whisk_invoker_password: 'secret',
        COLOR_MOVE_TIME: `${MOVE_MS} ms`,
      },
    });
    topology = started.topology;
    bases.push(...topology.controllers.map(({ url }) => url));
  });
  after(async () => {
    await started?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  const invoke = async (index: number, color = index % COLORS, blocking = index % 4 !== 0): Promise<Invoked> => {
    const base = bases[index % bases.length] ?? assert.fail('no controller');
    const sentAt = performance.now();
    const { status, body } = await request(base, 'POST', `actions/note?blocking=${blocking}`, { color });
    assert.equal(status, blocking ? 200 : 202, JSON.stringify(body));
    const annotations = (body['annotations'] ?? []) as { key: string; value: unknown }[];
    const of = (key: string): unknown => annotations.find((one) => one.key === key)?.value;
    return {
      color,
      controller: base,
      sentAt,
      endedAt: performance.now(),
      activationId: String(body['activationId']),
      invoker: blocking ? String(of('invoker')) : undefined,
      home: blocking ? of('colorHome') === true : undefined,
    };
  };

  it('loses no invocation, runs none twice, and moves its own colors alone, one after the other', async () => {
    const ran = join(folder, 'ran');
    const code = `
      const { appendFileSync } = require('fs');
      function main() { appendFileSync('${ran}', process.env.__OW_ACTIVATION_ID + '\\n'); return {}; }`;
    const [one = ''] = bases;
    const annotations = [
      { key: 'color', value: '{color}' },
      // However long a busy machine takes for a run, a color waits for its home while that is up.
      { key: 'color-patience', value: 60_000 },
    ];
    const action = { ...nodeAction(code, { memory: 128 }), annotations };
    assert.equal((await request(one, 'PUT', 'actions/note?overwrite=true', action)).status, 200);

    const all: Invoked[] = [];
    const homes = new Map<number, string>();
    for (let index = 0; homes.size < COLORS; index++) {
      const invoked = await invoke(index);
      all.push(invoked);
      if (invoked.invoker !== undefined && invoked.home === true) homes.set(invoked.color, invoked.invoker);
      assert.ok(index < 20 * COLORS, 'every color meets its home');
    }
    assert.equal(new Set(homes.values()).size, 3);

    let next = all.length;
    const over = new AbortController();
    const workers = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) all.push(await invoke(next++));
    });
    const drained = topology.invokers[0] ?? assert.fail('no invoker');
    const disabled = await fetch(`${drained.url}/disable`, { method: 'POST', ...OPERATOR });
    assert.equal(disabled.status, 200);
    const name = /^invoker\d+/.exec(await disabled.text())?.[0];
    const disabledAt = performance.now();
    await eventually(async () => {
      for (const base of bases) assert.match(await (await fetch(`${base}/invokers`)).text(), /down/);
    });
    /** The invokers that its colors meet now. */
    const hosts = async (): Promise<Set<string | undefined>> => {
      const met = new Set<string | undefined>();
      for (const [color, home] of homes) {
        if (home !== name) continue;
        const invoked = await invoke(next++, color, true);
        all.push(invoked);
        met.add(invoked.invoker);
      }
      return met;
    };
    const first = await hosts();
    const inTime = performance.now() - disabledAt < MOVE_MS / 2;
    assert.ok(!inTime || first.has(name), 'colors do not leave at once');
    await eventually(async () => assert.equal((await hosts()).has(name), false));
    over.abort();
    await Promise.all(workers);
    assert.equal(await drained.stop(), 0);

    const placed = all.filter(({ invoker }) => invoker !== undefined);
    for (const { color, invoker } of placed) {
      if (homes.get(color) !== name) assert.equal(invoker, homes.get(color), `color ${color} stays at home`);
    }
    const left = placed.filter(({ color, invoker }) => homes.get(color) === name && invoker !== name);
    for (const { color, controller, endedAt } of left) {
      const later = placed.filter(
        (one) => one.color === color && one.controller === controller && one.sentAt > endedAt,
      );
      assert.ok(
        later.every(({ invoker }) => invoker !== name),
        `color ${color} does not come back`,
      );
    }

    await eventually(async () => {
      const ids = readFileSync(ran, 'utf8').trim().split('\n');
      assert.deepEqual(ids.toSorted(), all.map(({ activationId }) => activationId).toSorted(), 'each ran once');
    });
    for (const { activationId } of all) {
      const found = await eventually(async () => {
        const record = await request(one, 'GET', `activations/${activationId}`);
        assert.equal(record.status, 200, activationId);
        return record.body;
      });
      assert.equal((found['response'] as { status: string }).status, 'success');
    }
  });
});
