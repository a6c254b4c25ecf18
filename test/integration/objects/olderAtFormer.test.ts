import assert from 'node:assert/strict';
import { lossyPeers } from '../../history/lossyPeers.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, evict, LIMIT_MS, put, REPLICATED, STORED, untilGivenUp } from './clusters.js';

describe('a version of an object that a former home has taken back to', () => {
  const current = eachWithCluster();

  /** Makes an object replicated, of which only the next home hears, which becomes the home then. */
  async function moveWithCopy(
    headers: Record<string, string>,
    ttl: Record<string, string> = {},
  ): Promise<{ home: Node; next: Node }> {
    const { cluster } = current;
    const [next, home, former] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/other', 'x', REPLICATED), /^201/);
    assert.match(await put(former, '/red/k', 'one', headers), /^201/);
    const heal = lossyPeers((_, { operation }) => (operation === 'copy' ? { kind: 'unheard' } : undefined));
    try {
      assert.match(await put(former, '/red/k', 'two', { ...REPLICATED, ...ttl }), /^502/);
    } finally {
      heal();
    }
    former.state = 'draining';
    await untilGivenUp(former, 'red');
    await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 two'), LIMIT_MS);
    return { home, next };
  }

  for (const [persistence, headers] of [
    ['memory', {}],
    ['stored', STORED],
  ] as const) {
    it(`does not come back after a deletion of its copy (${persistence})`, async () => {
      const { home } = await moveWithCopy(headers);
      assert.match(await home.container.text('/red/k', { method: 'DELETE' }), /^204/);
      assert.match(await home.container.text('/red/k'), /^404/);
      assert.doesNotMatch(await home.container.text('/red'), /"k"/);
    });

    it(`does not come back at the end of the TTL that its copy has got (${persistence})`, async () => {
      const { home } = await moveWithCopy(headers);
      assert.match(await put(home, '/red/k', 'three', { 'x-palette-ttl': '0.2' }), /^200/);
      await eventually(async () => assert.match(await home.container.text('/red/k'), /^(404|200 [^t])/), LIMIT_MS);
      assert.match(await home.container.text('/red/k'), /^404/);
    });

    it(`does not come back after an eviction, nor at the next home (${persistence})`, async () => {
      const { home, next } = await moveWithCopy(headers);
      assert.match(await put(home, '/red/k', 'three', { 'x-palette-persistence': 'memory' }), /^200/);
      evict(home);
      assert.match(await home.container.text('/red/k'), /^404/);
      home.state = 'draining';
      await eventually(async () => assert.match(await next.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
      assert.match(await next.container.text('/red/k'), /^404/);
    });
  }

  it('does not come back at a third home after the end of the TTL of its copy', async () => {
    const { home, next } = await moveWithCopy({}, { 'x-palette-ttl': '15' });
    const isThere = (): boolean => home.memory.peek(GUEST, { color: 'red', key: 'k' }, performance.now()) !== undefined;
    await eventually(async () => assert.equal(isThere(), false), LIMIT_MS);
    home.state = 'draining';
    await eventually(async () => assert.match(await next.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
    assert.match(await next.container.text('/red/k'), /^404/);
  });

  it('does not stay at the former home if another set of copies was being made', async () => {
    const { cluster } = current;
    const [former, home, next] = [await cluster.add(), await cluster.add(), await cluster.add()];
    home.state = 'draining';
    assert.match(await put(former, '/old/other', 'x', REPLICATED), /^201/);
    assert.match(await put(former, '/old/k', 'one'), /^201/);
    let isCopying = false;
    const heal = lossyPeers(({ instance }, { operation }) => {
      if (operation !== 'copy') return undefined;
      if (instance === next.instance) return { kind: 'unheard' };
      isCopying = true;
      return { kind: 'slow', until: new Promise(() => undefined) };
    });
    try {
      assert.match(await put(former, '/old/k', 'two', REPLICATED), /^502/);
      home.state = 'up';
      await eventually(async () => {
        assert.equal(await former.container.text('/old/k'), '200 one');
        assert.ok(isCopying);
      }, LIMIT_MS);
    } finally {
      heal();
    }
    former.state = 'draining';
    await untilGivenUp(former, 'old');
    await eventually(async () => assert.equal(await home.container.text('/old/k'), '200 two'), LIMIT_MS);
    assert.equal(former.memory.peek(GUEST, { color: 'old', key: 'k' }, performance.now()), undefined);
  });
});

describe('a copy that a former home has kept, whose removal failed there', () => {
  const current = eachWithCluster();

  for (const [persistence, headers] of [
    ['memory', {}],
    ['stored', STORED],
  ] as const) {
    it(`does not come back after another version is acknowledged (${persistence})`, async () => {
      const { cluster } = current;
      const [third, home, former] = [await cluster.add(), await cluster.add(), await cluster.add()];
      assert.match(await put(former, '/red/k', 'one', REPLICATED), /^201/);
      let heal = lossyPeers((_, { operation }) => (operation === 'drop' ? { kind: 'unheard' } : undefined));
      try {
        assert.match(await former.container.text('/red/k', { method: 'DELETE' }), /^502/);
      } finally {
        heal();
      }
      former.state = 'draining';
      await untilGivenUp(former, 'red');
      heal = lossyPeers((_, { operation }) => (operation === 'complete' ? { kind: 'lost' } : undefined));
      try {
        await eventually(async () => assert.match(await home.container.text('/red/k'), /^404/), LIMIT_MS);
        const written = await put(home, '/red/k', 'two', headers);
        await cluster.kill(home);
        cluster.notice(home);
        await eventually(async () => assert.match(await third.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
        assert.doesNotMatch(written.startsWith('201') ? await third.container.text('/red/k') : '', /one/);
      } finally {
        heal();
      }
    });
  }
});
