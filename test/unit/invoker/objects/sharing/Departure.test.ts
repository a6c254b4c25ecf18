import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { CopyRequests } from '../../../../../invoker/objects/sharing/CopyRequests.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { Departure } from '../../../../../invoker/objects/sharing/Departure.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { Recovery } from '../../../../../invoker/objects/sharing/Recovery.js';
import { Replication } from '../../../../../invoker/objects/sharing/Replication.js';
import { StoredKeyLists } from '../../../../../invoker/objects/sharing/StoredKeyLists.js';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { eventually } from '../../../../e2e/eventually.js';
import { GUEST, TestCluster } from './cluster.js';
import { aloneWith } from './homes.js';
import { A, at, newMemory, PLAIN, put, textOf } from '../memory/memories.js';

/** Of an invoker that stops. */
const LIMIT_MS = 15_000;

describe('a drain of objects', () => {
  /** Of the home, which does not gather the color `stuck`: it does not answer for it, or with an error. */
  const gathering = (answers: boolean): Server =>
    createServer((request, response) => {
      const isStuck = request.url?.startsWith('/stuck') === true;
      if (!isStuck || answers) response.writeHead(isStuck ? 503 : 200).end(JSON.stringify({ gathered: !isStuck }));
    }).listen(0, '127.0.0.1');

  /** @param port of the homes. @param homeOf see `drainedBut`. */
  function departing(port: number, homeOf: (color: string) => number | Promise<number>) {
    const [memory, peers] = [newMemory(), new PeerClient('secret', 'invoker0')];
    const now = (): number => performance.now();
    const owned = (): undefined => undefined;
    const requests = new CopyRequests(peers, now);
    const sets = new CopySets(memory);
    const parts = { memory, peers, sets, store: undefined, storedKeys: new StoredKeyLists(), requests, now, owned };
    const warnings: string[] = [];
    const departure = new Departure({
      ...parts,
      instance: 0,
      replication: new Replication({
        ...parts,
        instance: 0,
        ...aloneWith(peers),
        changing: { changingKeys: () => [], toCopy: () => undefined },
      }),
      recovery: new Recovery(parts),
      latest: () => undefined,
      freshHomes: async (_, color) => {
        const home = { instance: await homeOf(color), url: `http://127.0.0.1:${port}` };
        return { policy: 'p', homes: [home], away: [], validMs: 1000 };
      },
      freshLocation: async () => ({ kind: 'unknown', reason: 'not asked' }),
      ready: async () => undefined,
      onWarning: (text) => void warnings.push(text),
    });
    return { departure, memory, sets, peers, warnings };
  }

  /**
   * Drains colors until only `stuck` is left, and ends the drain then.
   * @param homeOf the number of the home of a color, which the controllers name.
   */
  async function drainedBut(
    answers: boolean,
    homeOf: (color: string) => number | Promise<number> = () => 1,
    others: readonly string[] = ['a', 'b'],
  ): Promise<string[]> {
    const server = gathering(answers);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { departure, memory, peers, warnings } = departing(port, homeOf);
    for (const color of ['stuck', ...others]) {
      const address = { color, key: 'k' };
      const reservation = memory.reserve(A, address, 1, 0);
      memory.put(A, address, ObjectBytes.of(Buffer.from('x')), PLAIN, reservation, 0);
    }
    const limit = new AbortController();
    const drained = departure.drain(limit.signal);
    try {
      await eventually(
        async () =>
          assert.deepEqual(
            memory.colors().map(({ color }) => color),
            ['stuck'],
          ),
        LIMIT_MS,
      );
    } finally {
      limit.abort();
      assert.deepEqual(await drained, { moved: others.length, left: 1 });
      await peers.close();
      server.close().closeAllConnections();
    }
    return warnings;
  }

  for (const [why, answers] of [
    ['one of them cannot move', true],
    ['a home does not answer for one of them', false],
  ] as const)
    it(`moves the other colors if ${why}`, async () => {
      const warnings = await drainedBut(answers);
      assert.deepEqual(warnings, ['could not hand objects over to their next homes (colors: 1)']);
    });

  it('moves the colors of which the controllers named it the home at first, also if a home does not answer for another one', async () => {
    let asked = 0;
    const warnings = await drainedBut(false, (color) => (color === 'stuck' || asked++ > 2 ? 1 : 0));
    assert.deepEqual(warnings, ['could not hand objects over to their next homes (colors: 1)']);
  });

  it('moves many colors although each answer of a controller takes long', async () => {
    const others = Array.from({ length: 100 }, (_, i) => `c${i}`);
    const slowly = () => new Promise<number>((resolve) => setTimeout(() => resolve(1), 200));
    assert.equal((await drainedBut(true, slowly, others)).length, 1);
  });

  it('leaves a set that the home has made here since it answered, because this invoker takes part again', async () => {
    let makeSet: () => void = () => assert.fail('there are no sets');
    let asked = 0;
    const server = createServer((_, response) => {
      if (++asked === 1) makeSet();
      response.end(JSON.stringify({ gathered: asked === 1 }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { departure, memory, sets, peers } = departing((server.address() as AddressInfo).port, () => 1);
    const RED = { namespace: A, color: 'red', policy: undefined };
    put(memory, A, 'k', 'former', 0, {}, 'red');
    const limit = new AbortController();
    makeSet = () => {
      sets.admit(A, 'red', 9);
      put(memory, copiesOf(A), 'k', 'acknowledged', 0, { persistence: 'replicated' }, 'red');
      sets.complete(RED, 9, { begun: true });
    };
    const drained = departure.drain(limit.signal);
    try {
      await eventually(() => assert.ok(asked > 1), LIMIT_MS);
      limit.abort();
      await drained;
      assert.equal(textOf(memory.peek(copiesOf(A), at('k', 'red'), 0)), 'acknowledged');
      assert.equal(sets.get(colorKey(A, 'red'))?.epoch, 9);
    } finally {
      await peers.close();
      server.close().closeAllConnections();
    }
  });

  it('tells the waits of a home that has missed a later owner that the objects may be elsewhere', async () => {
    const cluster = new TestCluster();
    try {
      const [a, b] = [await cluster.add(), await cluster.add()];
      await a.container.call('/red/k');
      assert.equal(b.sharing.owns(GUEST, 'red'), true);
      let left = 0;
      b.sharing.onLeave(GUEST, 'red', () => left++);
      await b.sharing.gather(GUEST, 'red', undefined, { name: 'invoker0', epoch: Date.now() + 60_000 });
      assert.equal(left, 1);
    } finally {
      await cluster.close();
    }
  });
});
