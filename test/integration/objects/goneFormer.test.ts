import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { lossyPeers } from '../../history/lossyPeers.js';
import { GUEST, VALID_MS, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED, untilGivenUp } from './clusters.js';

/** What a home asks former ones. */
const OF_FORMERS = new Set<string>(['list', 'drop', 'take']);

describe('a former home with objects of memory', () => {
  const current = eachWithCluster();

  /** Makes `home` the owner, without a drain: `former` still has an object of memory. */
  async function moved(): Promise<{ home: Node; former: Node }> {
    const { cluster } = current;
    await cluster.add();
    const [home, former] = [await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/k', 'one', REPLICATED), /^201/);
    assert.match(await put(former, '/red/m', 'x'), /^201/);
    former.state = 'draining';
    await becomesOwner(home, '200 one');
    return { home, former };
  }

  const losesRequests = ({ instance }: Node, asked: string[]): (() => void) =>
    lossyPeers((peer, { operation }) => {
      if (peer.instance !== instance || !OF_FORMERS.has(operation)) return undefined;
      asked.push(operation);
      return { kind: 'lost' };
    });

  async function becomesOwner(node: Node, content: string): Promise<void> {
    await eventually(async () => {
      assert.equal(await node.container.text('/red/k'), content);
      assert.ok(node.sharing.owns(GUEST, 'red'));
    }, LIMIT_MS);
  }

  it('is not waited for if it has gone after its drain', async () => {
    const { cluster } = current;
    await cluster.add();
    const [home, former] = [await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/k', 'one', REPLICATED), /^201/);
    assert.match(await put(former, '/red/m', 'x'), /^201/);
    await cluster.drain(former);
    cluster.notice(former);
    const asked: string[] = [];
    const heal = losesRequests(former, asked);
    try {
      assert.match(await put(home, '/red/k', 'two', REPLICATED), /^200/);
      assert.equal(await home.container.text('/red/m'), '200 x');
    } finally {
      heal();
    }
    assert.deepEqual(asked, []);
  });

  it('is still asked for its objects if its home has lost the color in the middle of its drain', async () => {
    const { cluster } = current;
    const { home, former } = await moved();
    const [third] = cluster.nodes;
    let release = (): void => assert.fail('nothing waits');
    const until = new Promise<void>((resolve) => (release = resolve));
    let [isListed, isThirdSilent, drains] = [false, false, 0];
    const heal = lossyPeers(({ instance }, { operation }) => {
      if (operation === 'adopt') drains++;
      if (operation === 'handover' && instance === third?.instance && isThirdSilent) return { kind: 'lost' };
      if (operation !== 'list' || instance !== former.instance) return undefined;
      isListed = true;
      return { kind: 'slow', until };
    });
    try {
      const drained = cluster.drain(former);
      await eventually(() => assert.ok(isListed), LIMIT_MS);
      // Another invoker takes the color over, and its first attempts fail.
      isThirdSilent = true;
      const newest = await cluster.add();
      await eventually(async () => {
        assert.match(await newest.container.text('/red/m'), /^503/);
        assert.equal(home.sharing.owns(GUEST, 'red'), false);
      }, LIMIT_MS);
      release();
      await eventually(() => assert.ok(drains > 1), LIMIT_MS);
      isThirdSilent = false;
      await drained;
      await eventually(async () => assert.match(await newest.container.text('/red/m'), /^(200|404)/), LIMIT_MS);
      assert.equal(await newest.container.text('/red/m'), '200 x');
    } finally {
      heal();
    }
  });

  it('is lost in time if it has gone, even if there is one request only', async () => {
    const { home, former } = await moved();
    current.cluster.notice(former);
    const asked: string[] = [];
    const heal = losesRequests(former, asked);
    try {
      assert.match(await put(home, '/red/k', 'two', REPLICATED), /^503/);
      const since = performance.now();
      let before = asked.length;
      await eventually(async () => {
        const isAskedAgain = asked.length > before;
        before = asked.length;
        assert.ok(isAskedAgain && performance.now() - since > VALID_MS);
      }, LIMIT_MS);
      assert.match(await put(home, '/red/k', 'two', REPLICATED), /^200/);
    } finally {
      heal();
    }
  });

  it('does not remove a later version of an object at a late request', async () => {
    const { home, former } = await moved();
    let arrive = async (): Promise<unknown> => assert.fail('no request');
    let isLate = false;
    const heal = lossyPeers((_, { operation, path }) => {
      if (operation !== 'drop' || path.includes('epoch=') || isLate) return undefined;
      isLate = true;
      return { kind: 'late', later: (later) => void (arrive = later) };
    });
    try {
      assert.match(await put(home, '/red/k', 'two', REPLICATED), /^503/);
    } finally {
      heal();
    }
    former.state = 'up';
    await becomesOwner(former, '200 one');
    assert.match(await put(former, '/red/k', 'three', REPLICATED), /^200/);
    former.state = 'draining';
    await untilGivenUp(former, 'red');
    await arrive();
    former.state = 'up';
    await becomesOwner(former, '200 three');
  });

  it('does not remove an object that has come back at a late request', async () => {
    const { home, former } = await moved();
    let arrive = async (): Promise<unknown> => assert.fail('no request');
    let isLate = false;
    const heal = lossyPeers(({ instance }, { operation, path }) => {
      if (operation !== 'drop' || !path.startsWith('/red/m') || instance !== former.instance || isLate)
        return undefined;
      isLate = true;
      return { kind: 'late', later: (later) => void (arrive = later) };
    });
    try {
      // The second request removes it there.
      assert.equal(await home.container.text('/red/m'), '200 x');
      former.state = 'up';
      await becomesOwner(former, '200 one');
      assert.equal(await former.container.text('/red/m'), '200 x');
      former.state = 'draining';
      await becomesOwner(home, '200 one');
      await arrive();
      assert.equal(await home.container.text('/red/m'), '200 x');
    } finally {
      heal();
    }
  });
});
