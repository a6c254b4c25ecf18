import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { Adoption, type Adopted } from '../../../../../invoker/objects/sharing/Adoption.js';
import { colorKey } from '../../../../../invoker/objects/sharing/colorKey.js';
import { newlyOwned, type Owned } from '../../../../../invoker/objects/sharing/ColorStates.js';
import { CopySets } from '../../../../../invoker/objects/sharing/CopySets.js';
import { Ownership } from '../../../../../invoker/objects/sharing/Ownership.js';
import { PeerClient, PeerError } from '../../../../../invoker/objects/sharing/PeerClient.js';
import type { HomesReply } from '../../../../../shared/objects/homesReply.js';
import { eventually } from '../../../../e2e/eventually.js';
import { put } from '../memory/memories.js';

const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
const RED = { namespace, color: 'red', policy: undefined };
const REPLY: HomesReply = { policy: 'p', homes: [{ instance: 0, url: 'http://a:1' }], away: [], validMs: 500 };

describe('the ownership of a color', () => {
  let now: number;
  /** The reply of the controllers. */
  let reply: Promise<HomesReply>;
  let lapses: number[];
  /** The ownerships that have ended or may have ended, and all of them, in this order. */
  let ended: Owned[];
  let adopted: Owned[];
  let memory: ObjectMemory;
  let peers: PeerClient;
  let ownership: Ownership;

  beforeEach(() => {
    now = 1000;
    reply = Promise.resolve(REPLY);
    [lapses, ended, adopted] = [[], [], []];
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
    peers = new PeerClient('a secret', 'invoker0');
    ownership = new Ownership({
      instance: 0,
      memory,
      adoption: new Adoption({
        peers,
        sets: new CopySets(memory),
        holders: { ask: (_, request) => request() },
        pull: () => assert.fail('there are no sets'),
        now: () => now,
        run: '0-a',
      }),
      askHomes: () => reply,
      now: () => now,
      onEnd: (owned) => void ended.push(owned),
      onAdopted: ({ owned }) => void adopted.push(owned),
      onServe: () => undefined,
      onLapse: (silentMs) => void lapses.push(silentMs),
    });
  });
  afterEach(() => peers.close());

  it('is lost if the reply of a controller comes after the one before is over, although it was asked for earlier', async () => {
    assert.equal((await ownership.locate(RED)).kind, 'here');
    const owned = ownership.owned(namespace, 'red');
    assert.ok(owned);
    now = 1400;
    let answer: (value: HomesReply) => void = () => assert.fail('nobody has asked');
    reply = new Promise((resolve) => (answer = resolve));
    const asked = ownership.homes(RED);
    // The question goes out in a microtask.
    await new Promise((resolve) => setImmediate(resolve));
    now = 1600;
    assert.equal(ownership.held(owned), false);
    answer(REPLY);
    assert.deepEqual(await asked, REPLY);
    assert.equal(ownership.held(owned), false);
    assert.deepEqual(lapses, [Infinity, 600]);
    // It takes the color over again.
    assert.equal((await ownership.locate(RED)).kind, 'here');
    assert.notEqual(ownership.owned(namespace, 'red'), owned);
    assert.equal(ownership.adopted, 2);
  });

  it('knows the next home that a controller named last', async () => {
    await ownership.locate(RED);
    const owned = ownership.owned(namespace, 'red');
    assert.equal(owned?.others[0], undefined);
    for (const instance of [1, 2]) {
      const next = { instance, url: `http://b:${instance}` };
      reply = Promise.resolve({ ...REPLY, homes: [...REPLY.homes, next] });
      await ownership.locateAnew(RED);
      assert.deepEqual(owned?.others[0], next);
    }
  });

  it('is not used while it is doubted, and taken over again at the next request', async () => {
    await ownership.locate(RED);
    const owned = ownership.owned(namespace, 'red');
    assert.ok(owned);
    owned.doubted = true;
    assert.equal(ownership.owned(namespace, 'red'), undefined);
    assert.equal((await ownership.locate(RED)).kind, 'here');
    const again = ownership.owned(namespace, 'red');
    assert.ok(again && again !== owned && again.epoch > owned.epoch);
  });

  it('is not taken back without the invoker that has got it, also if the controllers do not name that one', async () => {
    let asked = 0;
    const taker = createServer((_, response) => {
      asked++;
      response.writeHead(503).end('{}');
    }).listen(0, '127.0.0.1');
    await once(taker, 'listening');
    const { port } = taker.address() as AddressInfo;
    reply = Promise.resolve({ ...REPLY, validMs: 60_000 });
    try {
      assert.equal((await ownership.locate(RED)).kind, 'here');
      ownership.give(colorKey(namespace, 'red'), { instance: 1, url: `http://127.0.0.1:${port}` });
      now += 5000;
      assert.equal((await ownership.locate(RED)).kind, 'unknown');
      assert.equal(asked, 1);
      // It has gone for good.
      now += 30_000;
      assert.equal((await ownership.locate(RED)).kind, 'here');
      assert.equal(asked, 1);
    } finally {
      taker.close().closeAllConnections();
    }
  });

  it('is taken over from a silent invoker after a while, although no request for it comes', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    reply = Promise.resolve({ ...REPLY, away: [{ instance: 1, url: `http://127.0.0.1:${port}` }], validMs: 100 });
    try {
      assert.equal((await ownership.locate(RED)).kind, 'unknown');
      now += 50;
      ownership.beat();
      await eventually(() => assert.equal(ownership.state(colorKey(namespace, 'red')), undefined));
      assert.equal(ownership.adopted, 0);
      now += 50;
      ownership.beat();
      await eventually(() => assert.equal(ownership.adopted, 1));
      assert.ok(ownership.owned(namespace, 'red'));
    } finally {
      silent.close().closeAllConnections();
    }
  });

  it('is taken over from a silent invoker although there are requests for ever more colors', async () => {
    peers.ask = async () => {
      throw new PeerError('silent', 'it does not answer');
    };
    reply = Promise.resolve({ ...REPLY, away: [{ instance: 1, url: 'http://b:1' }], validMs: 8000 });
    for (let second = 0; second < 30; second++) {
      now += 1000;
      // For each of them there is one request.
      for (let i = 0; i < 150; i++) void ownership.locate({ ...RED, color: `${second}-${i}` });
      await new Promise((resolve) => setImmediate(resolve));
      ownership.beat();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(ownership.adopted >= 500, `it has ${ownership.adopted} colors`);
  });

  it('that may have been lost ends when a controller answers again, also if nobody asks for the color', async () => {
    await ownership.locate(RED);
    now += 501;
    await ownership.homes({ ...RED, color: 'other' });
    assert.deepEqual([lapses.length, ended], [2, adopted]);
  });

  it('that is being handed over ends before its objects are removed after a time without contact', async () => {
    await ownership.locate(RED);
    put(memory, namespace, 'k', 'value', now, {}, 'red');
    ownership.give(colorKey(namespace, 'red'), { instance: 1, url: 'http://b:1' });
    const clear = memory.clear.bind(memory);
    let endedBefore: number | undefined;
    memory.clear = (...asked) => {
      endedBefore ??= ended.length;
      clear(...asked);
    };
    now += 501;
    await ownership.homes({ ...RED, color: 'other' });
    assert.deepEqual([endedBefore, ended, memory.usedBytes], [1, adopted, 0]);
  });

  it('is not waited for by a request for longer than its limit, while the replicated objects are on their way', async () => {
    let arrive: (adopted: Adopted) => void = () => assert.fail('nothing is on its way');
    const slow = new Ownership({
      instance: 0,
      memory,
      adoption: { run: () => new Promise((resolve) => (arrive = resolve)), endSilences: () => undefined },
      askHomes: () => reply,
      now: () => now,
      locateMs: 5,
      onEnd: () => undefined,
      onAdopted: ({ owned }) => void adopted.push(owned),
      onServe: () => undefined,
      onLapse: () => undefined,
    });
    const reason = 'its replicated objects are on their way to the home';
    assert.deepEqual(await slow.locate(RED), { kind: 'unknown', reason });
    assert.equal(slow.owned(namespace, 'red'), undefined);
    const owned = newlyOwned({ ...RED, epoch: 1, lapses: 1, validMs: 500 });
    arrive({ owned, outdated: false });
    assert.equal((await slow.locate(RED)).kind, 'here');
    assert.deepEqual(adopted, [owned]);
  });
});
