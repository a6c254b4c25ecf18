import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { PeerClient } from '../../../invoker/objects/sharing/PeerClient.js';
import { MOVED_HEADER, movedTo } from '../../../shared/objects/moved.js';
import { GUEST, SECRET, TestCluster, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

const increment = (node: Node, path: string) => node.container.text(`${path}?increment`, { method: 'POST' });

describe('objects of several invokers', () => {
  const current = eachWithCluster();

  it('are at the home of their color, and every invoker reads and changes them there', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(a, '/red/k', 'one'), /^201/);
    assert.equal(await b.container.text('/red/k'), '200 one');
    assert.equal(await a.container.text('/red/k'), '200 one');
    assert.equal(await increment(a, '/red/n'), '200 1');
    assert.equal(await increment(b, '/red/n'), '200 2');
    const { headers, status } = await a.container.call('/red/k', { method: 'HEAD' });
    assert.deepEqual([status, headers['content-length']], [200, '3']);
    const known = await a.container.call('/red/k', { headers: { 'if-none-match': String(headers.etag) } });
    assert.equal(known.status, 304);
    assert.equal(a.memory.counts().objects, 0);
    assert.match(await a.container.text('/red?prefix=k'), /"key":"k"/);
    assert.equal(await a.container.text('/red/k', { method: 'DELETE' }), '204 ');
    assert.match(await b.container.text('/red/k'), /^404/);
  });

  it('are read and changed at another home beside any number of waits there', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    const wait = async (): Promise<string> => {
      const reply = await a.container.text('/red/k?wait=200s');
      // On a busy machine, the home may need several attempts to take the color over.
      return reply.startsWith('503') ? wait() : reply;
    };
    const waits = Array.from({ length: 300 }, wait);
    await eventually(() => assert.equal(b.memory.counts().waits, waits.length), LIMIT_MS);
    assert.equal(await increment(a, '/red/n'), '200 1');
    assert.match(await put(a, '/red/k', 'x'), /^201/);
    for (const reply of await Promise.all(waits)) assert.equal(reply, '200 x');
  });

  it('tell who else is their home to a sender that still sends, and leave its connection whole', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'one'), /^201/);
    const peers = new PeerClient(SECRET, 'invoker7');
    try {
      const peer = { instance: a.instance, url: `http://127.0.0.1:${a.proxy.port}` };
      for (let round = 0; round < 5; round++) {
        // More than the connections hold.
        const body = Buffer.alloc(16 * 1024 * 1024);
        const {
          statusCode,
          headers,
          body: response,
        } = await peers.send(peer, {
          operation: 'request',
          method: 'PUT',
          path: '/red/k',
          namespace: GUEST,
          headers: { 'content-length': String(body.length) },
          body,
        });
        assert.equal(statusCode, 421);
        assert.equal(movedTo(headers[MOVED_HEADER])?.instance, b.instance);
        await response.dump();
      }
    } finally {
      await peers.close();
    }
  });

  it('have colors and keys that would be steps in a path', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    for (const path of ['/../k', '/red/..', '/./.']) {
      assert.match(await put(a, path, path), /^201/);
      assert.equal(await a.container.text(path), `200 ${path}`);
      assert.equal(await b.container.text(path), `200 ${path}`);
    }
  });

  it('are copied by an invoker that reads them, and their bytes move only when they have changed', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    const bytes = (text: string): string => text.repeat(100_000);
    await put(b, '/red/k', bytes('1'), { 'content-type': 'text/x' });
    const read = async (): Promise<string> => {
      const { status, headers, body } = await a.container.call('/red/k');
      return `${status} ${headers['content-type']} ${body.length} ${body.toString('latin1', 0, 1)}`;
    };
    const moved = (): number => a.sharing.counts.peerBytes;
    const before = moved();
    assert.equal(await read(), '200 text/x 100000 1');
    assert.ok(moved() - before > 100_000 && moved() - before < 110_000, `${moved() - before} bytes`);
    assert.deepEqual([a.copies.count, a.sharing.counts.validated], [1, 0]);
    const first = moved();
    assert.equal(await read(), '200 text/x 100000 1');
    assert.equal(a.sharing.counts.validated, 1);
    assert.ok(moved() > first && moved() - first < 10_000, `${moved() - first} bytes`);
    // A change is seen at once.
    await put(b, '/red/k', bytes('2'), { 'content-type': 'text/y' });
    assert.equal(await read(), '200 text/y 100000 2');
    assert.equal(await read(), '200 text/y 100000 2');
    assert.equal(a.sharing.counts.validated, 2);
    // The copies give way to objects.
    a.memory.resize(1000);
    assert.equal(a.copies.bytes, 0);
    a.memory.resize(80 * 1024 * 1024);
    assert.equal(await read(), '200 text/y 100000 2');
    assert.equal(await b.container.text('/red/k', { method: 'DELETE' }), '204 ');
    assert.match(await a.container.text('/red/k'), /^404/);
    assert.equal(a.copies.count, 0);
  });

  it('of 64 MB pass between invokers', async () => {
    const [a] = [await current.cluster.add(), await current.cluster.add()];
    const body = Buffer.alloc(64 * 1024 * 1024, 'x');
    // An invoker that gets no processor for a second looks as if it was away.
    const write = async (): Promise<void> =>
      assert.match(await a.container.text('/red/k', { method: 'PUT', body }), /^20[01] /);
    await eventually(write, LIMIT_MS);
    const read = async (): Promise<void> => assert.ok((await a.container.call('/red/k')).body.equals(body));
    await eventually(read, LIMIT_MS);
  });

  it('that could not be sent to their home leave the connection of the container to its next request', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    await current.cluster.kill(b);
    // More than a server buffers of a body that nobody reads.
    const body = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 2; i++)
      assert.match(await a.single.text('/red/k', { method: 'PUT', body }), /^503 .*does not answer/);
    assert.match(await a.single.text('/red/k'), /^503 .*does not answer/);
    assert.equal(a.single.connections, 1);
  });

  it('move on demand to a home that joins, with type, tag and time', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/k', 'one', { 'content-type': 'text/x', 'x-palette-ttl': '100' });
    await put(a, '/red/other', 'two');
    const { headers } = await a.container.call('/red/k');
    const b = await current.cluster.add();
    const moved = await b.container.call('/red/k');
    assert.equal(moved.body.toString(), 'one');
    assert.equal(moved.headers.etag, headers.etag);
    assert.equal(moved.headers['content-type'], 'text/x');
    assert.equal(b.memory.expiring, 1);
    assert.equal(a.memory.counts().objects, 1);
    assert.match(await b.container.text('/red'), /"key":"k".*"key":"other"/);
    assert.equal(await increment(b, '/red/n'), '200 1');
    assert.match(await put(b, '/red/other', 'x', { 'if-none-match': '*' }), /^412/);
    assert.equal(a.memory.counts().objects, 0);
    // The former home still believes to be the home for a second.
    assert.equal(await a.container.text('/red/k'), '200 one');
  });

  it('wake who waits for them at a former home', async () => {
    const a = await current.cluster.add();
    const waiting = a.container.text('/red/k?wait=10s');
    while (a.memory.counts().waits === 0) await new Promise(setImmediate);
    const b = await current.cluster.add();
    await put(b, '/red/k', 'now');
    assert.equal(await waiting, '200 now');
  });

  it('all move when an invoker drains', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    for (const color of ['red', 'green']) for (const key of ['k', 'l']) await put(a, `/${color}/${key}`, key);
    assert.equal(b.memory.counts().objects, 4);
    const draining = current.cluster.drain(b);
    // Others still believe that it is the home.
    assert.match(await put(a, '/blue/k', 'late'), /^201/);
    assert.equal((await draining).left, 0);
    assert.equal(b.memory.counts().objects, 0);
    assert.equal(a.memory.counts().objects, 5);
    await current.cluster.kill(b);
    assert.equal(await a.container.text('/green/l'), '200 l');
  });

  it('that are replicated need not move to their next home, which has their copies, and which is asked for them meanwhile', async () => {
    const [, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    const colors = Array.from({ length: 20 }, (_, i) => `red${i}`);
    for (const color of colors) {
      assert.match(await put(c, `/${color}/k`, color, REPLICATED), /^201/);
      assert.equal(await b.container.text(`/${color}/k`), `200 ${color}`);
    }
    // It is no home any more, and still has the objects.
    c.state = 'draining';
    await eventually(async () => {
      await Promise.all(
        colors.map(async (color) => assert.equal(await b.container.text(`/${color}/k`), `200 ${color}`)),
      );
      assert.equal(c.memory.colors().length, 0);
    }, LIMIT_MS);
    assert.equal(b.sharing.counts.moved, 0);
  });

  it('are missing for none of several operations that wait for the same search, which fails', async () => {
    const a = await current.cluster.add();
    assert.match(await put(a, '/red/n', '1', STORED), /^201/);
    const { boundBytes } = a.memory;
    a.memory.resize(0);
    a.memory.resize(boundBytes);
    current.store.failing = true;
    const prepared = Array.from({ length: 3 }, async () => a.sharing.prepare(GUEST, { color: 'red', key: 'n' }, true));
    for (const each of prepared) await assert.rejects(each, /The store does not answer/);
    current.store.failing = false;
    assert.equal(await increment(a, '/red/n'), '200 2');
  });

  it('are lost with their home, unless they are replicated or stored', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    await put(a, '/red/memory', 'gone');
    await put(a, '/red/replicated', 'kept', REPLICATED);
    await put(a, '/red/stored', 'kept', STORED);
    await a.container.text('/red/n?increment=5', { method: 'POST', headers: REPLICATED });
    await a.container.text('/red/deleted', { method: 'PUT', body: 'x', headers: REPLICATED });
    await a.container.text('/red/deleted', { method: 'DELETE' });
    await current.cluster.kill(b);
    current.cluster.notice(b);
    const c = await current.cluster.add();
    await current.cluster.add();
    for (const node of [a, c]) {
      await eventually(async () => assert.equal(await node.container.text('/red/replicated'), '200 kept'), LIMIT_MS);
      assert.equal(await node.container.text('/red/stored'), '200 kept');
      assert.match(await node.container.text('/red/memory'), /^404/);
      assert.match(await node.container.text('/red/deleted'), /^404/);
    }
    assert.equal(await increment(a, '/red/n'), '200 6');
  });

  it('that are replicated survive the death of one home after the other', async () => {
    const first = await current.cluster.add();
    let homes = [first, await current.cluster.add()];
    await put(first, '/red/k', 'kept', REPLICATED);
    for (let round = 0; round < 4; round++) {
      const home = homes.pop();
      assert.ok(home);
      await current.cluster.kill(home);
      current.cluster.notice(home);
      homes = [...homes, await current.cluster.add()];
      const [reader] = homes;
      await eventually(async () => assert.equal(await reader?.container.text('/red/k'), '200 kept'), LIMIT_MS);
    }
  });

  it('that are deleted do not come back from the copy that their home had before', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    await put(a, '/red/k', 'one', REPLICATED);
    await put(a, '/red/other', 'two', REPLICATED);
    await current.cluster.drain(c);
    await current.cluster.kill(c);
    current.cluster.notice(c);
    await eventually(async () => assert.equal(await b.container.text('/red/k'), '200 one'), LIMIT_MS);
    assert.equal(await b.container.text('/red/k', { method: 'DELETE' }), '204 ');
    assert.match(await b.container.text('/red/k'), /^404/);
    assert.match(await a.container.text('/red/k'), /^404/);
    assert.equal(await b.container.text('/red/other'), '200 two');
  });

  it('are listed and move on after a former home has died with some of them', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    for (const key of ['k', 'l']) await put(c, `/red/${key}`, key);
    c.state = 'draining';
    await eventually(async () => {
      assert.equal(await b.container.text('/red/k'), '200 k');
      assert.equal(b.memory.counts().objects, 1);
    }, LIMIT_MS);
    assert.match(await b.container.text('/red'), /"key":"k".*"key":"l"/);
    await current.cluster.kill(c);
    current.cluster.notice(c);
    assert.doesNotMatch(await b.container.text('/red'), /"key":"l"/);
    assert.deepEqual(await current.cluster.drain(b), { moved: 1, left: 0 });
    assert.equal(await a.container.text('/red/k'), '200 k');
  });

  it('that are replicated are copied completely before a change of one of them is acknowledged', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    for (const key of ['k', 'l', 'm']) assert.match(await put(c, `/red/${key}`, 'old', REPLICATED), /^201/);
    await current.cluster.kill(b);
    current.cluster.notice(b);
    await eventually(async () => assert.match(await put(c, '/red/k', 'new', REPLICATED), /^200/), LIMIT_MS);
    await current.cluster.kill(c);
    current.cluster.notice(c);
    await eventually(async () => assert.equal(await a.container.text('/red/k'), '200 new'), LIMIT_MS);
    assert.equal(await a.container.text('/red/l'), '200 old');
    assert.equal(await a.container.text('/red/m'), '200 old');
  });

  it('are refused as replicated without a second invoker, and as stored without a store', async () => {
    const a = await current.cluster.add();
    assert.match(await put(a, '/red/k', 'x', REPLICATED), /^503.*second invoker/);
    assert.match(await a.container.text('/red/k'), /^404/);
    const alone = new TestCluster();
    const b = await alone.add();
    assert.match(await put(b, '/red/k', 'x', STORED), /^503.*no store/);
    await alone.close();
  });

  /** A request as a controller sends it. */
  async function asController(node: Node, path: string, method: string, body?: string): Promise<string> {
    const peers = new PeerClient(SECRET, 'controller0');
    const peer = { instance: node.instance, url: `http://127.0.0.1:${node.proxy.port}` };
    const headers = method === 'PUT' ? REPLICATED : {};
    try {
      const asked = { operation: 'request', method, path, namespace: GUEST, headers, body: body ?? null } as const;
      const response = await peers.send(peer, asked);
      return `${response.statusCode} ${await response.body.text()}`;
    } finally {
      await peers.close();
    }
  }

  /** Takes the second home of a color out of service, and waits until the first one knows it. */
  async function isAlone(home: Node, second: Node): Promise<void> {
    second.state = 'draining';
    await eventually(async () => {
      assert.deepEqual(await home.sharing.locate(GUEST, 'red', undefined), { kind: 'here', others: [] });
    }, LIMIT_MS);
  }

  it('are refused as replicated without a second invoker, whoever asks, and then do not exist', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/other', 'x'), /^201/);
    await isAlone(b, a);
    const refusals = [
      await put(b, '/red/k', 'x', REPLICATED),
      await put(a, '/red/k', 'x', REPLICATED),
      await asController(b, '/red/k', 'PUT', 'x'),
      JSON.stringify(await b.inside('/red/k', { method: 'PUT', body: 'x', headers: REPLICATED })),
    ];
    for (const refusal of refusals) assert.match(refusal, /503.*second invoker/);
    for (const node of [a, b]) assert.match(await node.container.text('/red/k'), /^404/);
    assert.match(await asController(b, '/red/k', 'GET'), /^404/);
  });

  it('that are replicated stay as they are and can be read without a second invoker', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    for (const key of ['k', 'n']) assert.match(await put(b, `/red/${key}`, '1', REPLICATED), /^201/);
    await isAlone(b, a);
    const refusals = [
      await put(b, '/red/k', 'x'),
      await put(b, '/red/k', 'x', { 'x-palette-persistence': 'memory' }),
      await put(a, '/red/k', 'x', STORED),
      await b.container.text('/red/k?append', { method: 'POST', body: 'x' }),
      await increment(a, '/red/n'),
      await b.container.text('/red/n/increment', { method: 'POST', body: '2' }),
      await a.container.text('/red/k', { method: 'DELETE' }),
      await asController(b, '/red/k', 'DELETE'),
      JSON.stringify(await b.inside('/red/k', { method: 'PUT', body: 'x' })),
    ];
    for (const refusal of refusals) assert.match(refusal, /503.*second invoker/);
    for (const path of ['/red/k', '/red/n']) assert.equal(await a.container.text(path), '200 1');
    a.state = 'up';
    await eventually(async () => assert.equal(await increment(b, '/red/n'), '200 2'), LIMIT_MS);
    assert.equal(await b.container.text('/red/k', { method: 'DELETE' }), '204 ');
  });

  it('that are stored are acknowledged when the store has them, and nobody reads them before', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/first', 'one', STORED);
    const release = current.store.hold();
    const writing = put(a, '/red/k', 'one', STORED);
    while (a.memory.counts().objects === 1) await new Promise(setImmediate);
    const reading = a.container.text('/red/k');
    const first = await Promise.race([reading, writing, new Promise((resolve) => setTimeout(resolve, 50, 'neither'))]);
    assert.equal(first, 'neither');
    release();
    assert.match(await writing, /^201/);
    assert.equal(await reading, '200 one');
  });

  it('that the store refuses are taken back: nobody reads them, and they can be stored when it is back', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/first', 'one', STORED);
    current.store.failing = true;
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    assert.match(await a.container.text('/red/k'), /^503/);
    current.store.failing = false;
    assert.match(await a.container.text('/red/k'), /^404/);
    assert.equal(current.store.size, 1);
    assert.match(await put(a, '/red/k', 'two', STORED), /^201/);
    assert.equal(current.store.size, 2);
    assert.equal(await a.container.text('/red/k', { method: 'DELETE' }), '204 ');
    assert.equal(current.store.size, 1);
  });

  it('that could not be stored are as they were before, also when the memory evicts them', async () => {
    const a = await current.cluster.add();
    assert.match(await put(a, '/red/k', 'old', STORED), /^201/);
    current.store.failing = true;
    assert.match(await put(a, '/red/k', 'new', STORED), /^502/);
    assert.equal(await a.container.text('/red/k'), '200 old');
    const { boundBytes } = a.memory;
    a.memory.resize(0);
    a.memory.resize(boundBytes);
    assert.match(await a.container.text('/red/k'), /^503/);
    current.store.failing = false;
    assert.equal(await a.container.text('/red/k'), '200 old');
    assert.match(await put(a, '/red/k', 'newer', STORED), /^200/);
    assert.equal(await a.container.text('/red/k'), '200 newer');
  });

  it('that are stored come back after the memory has lost them, with their tag, and are in lists', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/k', 'one', STORED);
    const { headers } = await a.container.call('/red/k');
    a.memory.delete(GUEST, { color: 'red', key: 'k' }, undefined, 0);
    assert.match(await a.container.text('/red'), /"key":"k","bytes":3/);
    assert.match(await put(a, '/red/k', 'x', { 'if-none-match': '*' }), /^412/);
    a.memory.delete(GUEST, { color: 'red', key: 'k' }, undefined, 0);
    assert.equal(await a.container.text('/red/k?append', { method: 'POST', body: '!' }), '200 {"bytes":4}');
    a.memory.delete(GUEST, { color: 'red', key: 'k' }, undefined, 0);
    const back = await a.container.call('/red/k');
    assert.equal(back.body.toString(), 'one!');
    assert.notEqual(back.headers.etag, headers.etag);
    // Written: 'one' and 'one!'. Read: 'one' for the condition, 'one' to append to it, 'one!'.
    assert.equal(a.sharing.counts.storeBytes, 3 + 4 + 3 + 3 + 4);
  });

  it('are not given to who has no signature', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/k', 'one');
    for (const header of ['', 'x.y', Buffer.from('{"o":"take","f":"x","t":1}').toString('base64url')]) {
      const { status } = await a.container.call('/red/k', { headers: { 'x-palette-peer': header } });
      assert.equal(status, 403);
    }
  });
});
