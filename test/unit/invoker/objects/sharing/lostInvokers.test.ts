import assert from 'node:assert/strict';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { eventually } from '../../../../e2e/eventually.js';
import { NO_CONTACT } from '../../../../../invoker/objects/sharing/Sharing.js';
import { GUEST, TestCluster, VALID_MS, type Node } from './cluster.js';
import { MapStore } from './MapStore.js';

const LIMIT_MS = 60_000;
const REPLICATED = { 'x-palette-persistence': 'replicated' };

describe('replicated objects of a color that is taken over', () => {
  let cluster: TestCluster;
  let store: MapStore;
  beforeEach(() => {
    store = new MapStore();
    cluster = new TestCluster(store);
  });
  afterEach(() => cluster.close());

  const put = ({ container }: Node, path: string, body: string, headers: Record<string, string> = {}) =>
    container.text(path, { method: 'PUT', body, headers: { ...REPLICATED, ...headers } });
  const isRead = (node: Node, expected: string | RegExp, path = '/red/k'): Promise<void> =>
    eventually(async () => {
      const reply = await node.container.text(path);
      if (typeof expected === 'string') assert.equal(reply, expected);
      else assert.match(reply, expected);
    }, LIMIT_MS);

  /** Runs a task before the copies of an invoker are listed for the next owner. */
  function beforePull({ memory }: Node, task: () => Promise<void> | void): void {
    const list = memory.list.bind(memory);
    let isDone = false;
    memory.list = (namespace, ...asked) => {
      if (namespace.uuid === copiesOf(GUEST).uuid && !isDone) {
        isDone = true;
        void task();
      }
      return list(namespace, ...asked);
    };
  }

  it('are not lost if the former home dies while the next home, which has copies, takes them over', async () => {
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(b, '/red/k', 'kept'), /^201/);
    let isKilled = false;
    const kill = async (): Promise<void> => {
      isKilled = true;
      await cluster.kill(b);
      cluster.notice(b);
    };
    beforePull(b, kill);
    // It does not hear that it is not the home any more before the other one asks for the color: it was the owner until then for sure.
    b.reachesControllers = false;
    b.state = 'draining';
    await eventually(async () => {
      assert.match(await a.container.text('/red/other'), /^(404|503)/);
      assert.ok(isKilled || a.sharing.owns(GUEST, 'red'));
    }, LIMIT_MS);
    if (!isKilled) await kill();
    await isRead(a, '200 kept');
  });

  it('do not become those of an earlier version in the store at the end of a TTL that the next home has given them', async () => {
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(b, '/red/k', 'one', { 'x-palette-persistence': 'stored' }), /^201/);
    // The copy is made, and the store does not remove the stored object.
    store.failing = true;
    assert.match(await put(b, '/red/k', 'two'), /^502/);
    store.failing = false;
    await cluster.kill(b);
    cluster.notice(b);
    await cluster.add();
    await isRead(a, '200 two');
    await eventually(
      async () => assert.match(await put(a, '/red/k', 'three', { 'x-palette-ttl': '0.3' }), /^200/),
      LIMIT_MS,
    );
    await isRead(a, /^(404|200 one)/);
    assert.match(await a.container.text('/red/k'), /^404/);
  });

  it('stay if their home hears of the controllers again while a handover waits for a change', async () => {
    const [, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(b, '/red/k', 'kept'), /^201/);
    const release = store.hold();
    const writing = put(b, '/red/s', 'x', { 'x-palette-persistence': 'stored' });
    while (b.memory.counts().objects < 2) await new Promise(setImmediate);
    b.reachesControllers = false;
    const c = await cluster.add();
    // The home has been asked for the color, and waits for the change.
    const located = c.sharing.locate(GUEST, 'red', undefined);
    await eventually(() => assert.equal(b.sharing.owns(GUEST, 'red'), false), LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, VALID_MS));
    b.reachesControllers = true;
    await eventually(() => assert.deepEqual(b.warnings, [NO_CONTACT]), LIMIT_MS);
    release();
    await Promise.all([located, writing]);
    await isRead(c, '200 kept');
  });

  it('stay if the invoker with their copies dies, and the color moves before they are copied again', async () => {
    const [, b, c] = [await cluster.add(), await cluster.add(), await cluster.add()];
    for (const key of ['k', 'l']) assert.match(await put(c, `/red/${key}`, 'kept'), /^201/);
    await cluster.kill(b);
    assert.match(await put(c, '/red/k', 'new'), /^50[23]/);
    cluster.notice(b);
    const d = await cluster.add();
    // The home hears of the next one before that asks for the color.
    await eventually(async () => {
      await c.sharing.locate(GUEST, 'red', undefined);
      assert.equal(c.sharing.owns(GUEST, 'red'), false);
    }, LIMIT_MS);
    await isRead(d, '200 kept');
    assert.equal(await d.container.text('/red/l'), '200 kept');
  });

  it('stay at a home without contact that a former owner asks for one of them', async () => {
    const [, b] = [await cluster.add(), await cluster.add()];
    for (const key of ['k', 'l']) assert.match(await put(b, `/red/${key}`, 'kept'), /^201/);
    b.reachesControllers = false;
    await eventually(() => assert.equal(b.sharing.owns(GUEST, 'red'), false), LIMIT_MS);
    b.sharing.release(GUEST, { color: 'red', key: 'k' });
    b.reachesControllers = true;
    for (const key of ['k', 'l']) await isRead(b, '200 kept', `/red/${key}`);
  });
});
