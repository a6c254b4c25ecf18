import assert from 'node:assert/strict';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST, TestCluster, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { LIMIT_MS, put, REPLICATED, untilGivenUp } from './clusters.js';

const KEY = colorKey(GUEST, 'red');
const CARE_MS = 500;
const MB = 1024 * 1024;

describe('the replicated objects of a color for which nobody asks', () => {
  let cluster: TestCluster;
  beforeEach(() => void (cluster = new TestCluster(undefined, 80 * MB, CARE_MS)));
  afterEach(() => cluster.close());

  const isCopied = ({ sharing }: Node): boolean => sharing.sets.get(KEY)?.complete === true;

  it('are copied again when the invoker with their copies dies, before their home dies, too', async () => {
    const [a, b, c] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(c, '/red/k', 'kept', REPLICATED), /^201/);
    assert.ok(isCopied(b));
    await cluster.kill(b);
    cluster.notice(b);
    await eventually(() => assert.ok(isCopied(a)), 20_000);
    await cluster.kill(c);
    cluster.notice(c);
    await eventually(async () => assert.equal(await a.container.text('/red/k'), '200 kept'), LIMIT_MS);
  });

  it('are copied again when the invoker with their copies has started again', async () => {
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(b, '/red/k', 'kept', REPLICATED), /^201/);
    assert.ok(isCopied(a));
    const again = await cluster.restart(a);
    await eventually(() => assert.ok(isCopied(again)), 20_000);
  });

  it('are copied again when the invoker with their copies dies, and their home has changed before without a request', async () => {
    const [a, b, c] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(c, '/red/k', 'kept', REPLICATED), /^201/);
    await cluster.kill(b);
    cluster.notice(b);
    // The former home has the only objects, and hears of the next one.
    const d = await cluster.add();
    await untilGivenUp(c, 'red');
    await eventually(() => assert.ok(d.sharing.owns(GUEST, 'red') && [a, c].some(isCopied)), 20_000);
  });
});
