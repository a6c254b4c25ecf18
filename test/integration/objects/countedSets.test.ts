import assert from 'node:assert/strict';
import type { Peer } from '../../../shared/objects/Locate.js';
import { eventually } from '../../e2e/eventually.js';
import { lossyPeers } from '../../history/lossyPeers.js';
import { GUEST } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED } from './clusters.js';

/** Longer than an invoker remembers to whom it gave a color, in ms. */
const GIVEN_MS = 3100;
/** As many sets as an invoker once remembered. */
const MANY_SETS = 100_000;

describe('a set of copies that is the only other one', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('stays at an invoker that has fetched a later one, but does not become the owner', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(c, '/red/k', 'one', REPLICATED), /^201/);
    await new Promise((resolve) => setTimeout(resolve, GIVEN_MS));
    const answers: (() => void)[] = [];
    heal = lossyPeers(({ instance }: Peer, { operation }) => {
      if (operation !== 'fence' || instance !== c.instance) return undefined;
      return { kind: 'slow', until: new Promise<void>((resolve) => void answers.push(resolve)) };
    });
    const asked = async (count: number): Promise<void> =>
      eventually(() => assert.equal(answers.length, count), LIMIT_MS);
    // The next home fetches the set: it has asked whether the former home still has it.
    c.state = 'draining';
    const first = b.sharing.locateForPeer(GUEST, 'red', undefined);
    await asked(1);
    answers[0]?.();
    await asked(2);
    await new Promise((resolve) => setTimeout(resolve, GIVEN_MS));
    // Another invoker is named the home meanwhile, and begins to fetch the set, too.
    b.state = 'draining';
    const second = a.sharing.locateForPeer(GUEST, 'red', undefined);
    await asked(3);
    answers[1]?.();
    await first;
    await current.cluster.kill(c);
    current.cluster.notice(c);
    for (const answer of answers) answer();
    heal();
    await second;
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(200|404)/), LIMIT_MS);
    assert.equal(await a.container.text('/red/k'), '200 one');
  });

  it('stays at an invoker that gets very many', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'one', REPLICATED), /^201/);
    for (let set = 0; set < MANY_SETS; set++) {
      const ofSet = { namespace: { ...GUEST, uuid: 'another' }, color: `c${set}`, policy: undefined };
      a.sharing.sets.complete(ofSet, Date.now());
    }
    await current.cluster.kill(b);
    current.cluster.notice(b);
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(200|404)/), LIMIT_MS);
    assert.equal(await a.container.text('/red/k'), '200 one');
  });
});

describe('an object of memory', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('is there if the set of replicated objects of its color came at the second attempt only', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'one', REPLICATED), /^201/);
    assert.match(await put(b, '/red/m', 'two'), /^201/);
    let lists = 0;
    heal = lossyPeers((_, { operation }) => (operation === 'list' && lists++ === 0 ? { kind: 'unheard' } : undefined));
    b.state = 'draining';
    await eventually(async () => {
      await a.sharing.locateForPeer(GUEST, 'red', undefined);
      assert.ok(a.sharing.owns(GUEST, 'red'));
    }, LIMIT_MS);
    assert.ok(lists > 1);
    assert.equal(await a.container.text('/red/k'), '200 one');
    assert.equal(await a.container.text('/red/m'), '200 two');
  });
});
