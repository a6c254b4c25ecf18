import assert from 'node:assert/strict';
import type { ObjectList } from '../../../../../shared/objects/ObjectRequest.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { eventually } from '../../../../e2e/eventually.js';
import { GUEST, TestCluster, type Node } from './cluster.js';
import { MapStore } from './MapStore.js';

const STORED = { 'x-palette-persistence': 'stored' };

/** A store whose changes a test lets through or refuses, and that can be listed meanwhile. */
class GatedStore extends MapStore {
  open: () => void = () => undefined;
  #gate: Promise<void> | undefined;

  /** @param fails whether the changes fail at the end. */
  shut({ fails = false } = {}): void {
    this.#gate = new Promise((resolve, reject) => {
      this.open = () => {
        this.#gate = undefined;
        if (fails) reject(new ObjectError(503, 'The store does not answer.'));
        else resolve();
      };
    });
  }

  override async write(...asked: Parameters<MapStore['write']>): Promise<void> {
    await this.#gate;
    await super.write(...asked);
  }

  override async remove(...asked: Parameters<MapStore['remove']>): Promise<void> {
    await this.#gate;
    await super.remove(...asked);
  }
}

describe('a list of objects', () => {
  let store: GatedStore;
  let cluster: TestCluster;
  let home: Node;

  beforeEach(async () => {
    store = new GatedStore();
    cluster = new TestCluster(store);
    home = await cluster.add();
    for (const key of ['deleted', 'other']) assert.match(await put(key, 'one'), /^201/);
  });
  afterEach(() => cluster.close());

  const put = (key: string, body: string): Promise<string> =>
    home.container.text(`/red/${key}`, { method: 'PUT', body, headers: STORED });
  const list = (prefix = ''): Promise<ObjectList> =>
    home.sharing.list(GUEST, { kind: 'list', color: 'red', prefix, after: undefined, limit: 10, policy: undefined });
  const keysOf = ({ objects }: ObjectList): string[] => objects.map(({ key, bytes }) => `${key}: ${bytes}`);
  const exists = (key: string): boolean => !!home.memory.peek(GUEST, { color: 'red', key }, performance.now());
  /** Whether a promise settles while nothing but the store is waited for. */
  async function settles(promise: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const end = (): void => void (settled = true);
    promise.then(end, end);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    return settled;
  }

  it('waits until the changes of its objects are safe', async () => {
    store.shut();
    const writing = [put('created', 'two'), put('other', 'three')];
    while (!exists('created')) await new Promise(setImmediate);
    const [all, created, others] = [list(), list('c'), list('d')];
    assert.deepEqual([await settles(all), await settles(created), await settles(others)], [false, false, true]);
    store.open();
    assert.deepEqual(keysOf(await all), ['created: 3', 'deleted: 3', 'other: 5']);
    assert.deepEqual(keysOf(await created), ['created: 3']);
    for (const reply of await Promise.all(writing)) assert.match(reply, /^20[01]/);
  });

  it('waits until the deletes of its objects are safe', async () => {
    store.shut();
    const deleting = home.container.text('/red/deleted', { method: 'DELETE' });
    while (exists('deleted')) await new Promise(setImmediate);
    const listing = list();
    assert.equal(await settles(listing), false);
    store.open();
    assert.equal(await deleting, '204 ');
    // It existed when the list began.
    assert.deepEqual(keysOf(await listing), ['deleted: 3', 'other: 3']);
    assert.deepEqual(keysOf(await list()), ['other: 3']);
  });

  it('does not show a change that is taken back while it waits', async () => {
    store.shut({ fails: true });
    const writing = [
      put('created', 'two'),
      put('other', 'three'),
      home.container.text('/red/deleted', { method: 'DELETE' }),
    ];
    while (!exists('created') || exists('deleted')) await new Promise(setImmediate);
    const listing = list();
    assert.equal(await settles(listing), false);
    store.open();
    for (const reply of await Promise.all(writing)) assert.match(reply, /^502/);
    assert.deepEqual(keysOf(await listing), ['deleted: 3', 'other: 3']);
  });

  it('goes to the next home if that takes the color over while a change is not safe', async () => {
    store.shut({ fails: true });
    const writing = put('created', 'two');
    while (!exists('created')) await new Promise(setImmediate);
    const list = store.list.bind(store);
    const begun = new Promise<void>((resolve) => {
      store.list = async (...asked) => {
        resolve();
        return list(...asked);
      };
    });
    const listing = home.container.text('/red');
    await begun;
    assert.equal(await settles(listing), false);
    const next = await cluster.add();
    const location = next.sharing.locate(GUEST, 'red', undefined);
    while (home.sharing.owns(GUEST, 'red')) await new Promise(setImmediate);
    store.open();
    assert.match(await writing, /^502/);
    const reply = await listing;
    assert.match(reply, /^200/);
    const { objects } = JSON.parse(reply.slice(4)) as ObjectList;
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['deleted', 'other'],
    );
    assert.equal((await location).kind, 'here');
  });

  it('has the objects that moved to another home meanwhile, if the color comes back', async () => {
    assert.match(await home.container.text('/red/memory', { method: 'PUT', body: 'one' }), /^201/);
    const list = store.list.bind(store);
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const begun = new Promise<void>((resolve) => {
      store.list = async (...asked) => {
        store.list = list;
        const listed = await list(...asked);
        resolve();
        await opened;
        return listed;
      };
    });
    const listing = home.container.text('/red');
    await begun;
    const next = await cluster.add();
    assert.equal(await next.container.text('/red/memory'), '200 one');
    next.state = 'draining';
    await eventually(async () => {
      await home.sharing.locate(GUEST, 'red', undefined);
      assert.ok(home.sharing.owns(GUEST, 'red'));
    });
    open();
    assert.match(await listing, /"memory"/);
  });
});
