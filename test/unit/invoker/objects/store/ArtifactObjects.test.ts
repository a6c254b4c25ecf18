import assert from 'node:assert/strict';
import { ArtifactObjects, type ArtifactObject } from '../../../../../invoker/objects/store/ArtifactObjects.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { ListRequest } from '../../../../../shared/objects/ObjectRequest.js';
import type { ArtifactStore, Stores } from '../../../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../../../shared/store/embedded/open.js';

const GUEST = { uuid: 'u', name: 'guest', limitBytes: undefined };
const OTHER = { uuid: 'other', name: 'guest', limitBytes: undefined };
const at = (color: string, key: string) => ({ color, key });
const object = (text: string, ttlMs?: number): ArtifactObject => ({
  bytes: Buffer.from(text),
  contentType: 'text/plain',
  etag: `"${text}"`,
  ttlMs,
});
const everything: ListRequest = {
  kind: 'list',
  color: 'red',
  policy: undefined,
  prefix: '',
  after: undefined,
  limit: 10,
};

describe('objects in the artifact store', () => {
  let stores: Stores;
  let objects: ArtifactObjects;
  let now = 1000;

  beforeEach(async () => {
    stores = await openTemporaryStores();
    now = 1000;
    objects = new ArtifactObjects(stores.whisks, () => now);
  });
  afterEach(() => stores.close());

  const text = async (color: string, key: string, namespace = GUEST): Promise<string | undefined> => {
    const found = await objects.read(namespace, at(color, key), 1);
    return found && `${found.etag} ${Buffer.from(found.bytes).toString()}`;
  };

  it('are read as they were written, by another process, too, and are replaced and removed', async () => {
    await objects.write(GUEST, at('red', 'k/é'), object('one'), 1);
    objects = new ArtifactObjects(stores.whisks, () => now);
    assert.equal(await text('red', 'k/é'), '"one" one');
    await objects.write(GUEST, at('red', 'k/é'), object('two'), 1);
    assert.equal(await text('red', 'k/é'), '"two" two');
    await objects.write(GUEST, at('red', 'k/é'), object(''), 1);
    assert.equal(await text('red', 'k/é'), '"" ');
    await objects.remove(GUEST, at('red', 'k/é'), 1);
    await objects.remove(GUEST, at('red', 'k/é'), 1);
    assert.equal(await text('red', 'k/é'), undefined);
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: ['k/é'], epoch: 1 });
    // The mark of the removed object stays for a while.
    now += 300_000;
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: [], epoch: 1 });
    assert.deepEqual(await stores.whisks.listDocuments('objects/', 10), []);
  });

  it('keep the later one of two writes, also if the store delays the earlier one', async () => {
    const get = stores.whisks.get.bind(stores.whisks);
    let release: () => void = () => undefined;
    const delayed = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    const slow: Pick<ArtifactStore, 'get'> = {
      get: async (id) => {
        if (++asked === 1) await delayed;
        return get(id);
      },
    };
    Object.assign(stores.whisks, slow);
    const writes = ['earlier', 'later'].map((value) => objects.write(GUEST, at('red', 'k'), object(value), 1));
    const read = text('red', 'k');
    // Others do not wait for it.
    await objects.write(GUEST, at('red', 'other'), object('x'), 1);
    release();
    await Promise.all(writes);
    assert.equal(await read, '"later" later');
    assert.equal(await text('red', 'k'), '"later" later');
  });

  it('do not wait for many operations of another namespace', async () => {
    const get = stores.whisks.get.bind(stores.whisks);
    let asked = 0;
    const counted: Pick<ArtifactStore, 'get'> = {
      get: (id) => {
        asked++;
        return get(id);
      },
    };
    Object.assign(stores.whisks, counted);
    const writes = Array.from({ length: 100 }, (_, n) => objects.write(GUEST, at('red', `k${n}`), object('x'), 1));
    await objects.write(OTHER, at('red', 'k'), object('x'), 1);
    assert.ok(asked < 50, `it waited for ${asked} operations`);
    await Promise.all(writes);
    assert.equal(asked, 101);
  });

  it('are refused while too many bytes wait for the store', async () => {
    let release: () => void = () => undefined;
    const delayed = new Promise<void>((resolve) => (release = resolve));
    const stuck: Pick<ArtifactStore, 'get' | 'put'> = {
      get: async () => {
        await delayed;
        return undefined;
      },
      put: async () => '1-a',
    };
    Object.assign(stores.whisks, stuck);
    const large: ArtifactObject = { ...object('x'), bytes: new Uint8Array(64 * 1024 * 1024) };
    const writes = ['a', 'b', 'c', 'd'].map((key) => objects.write(GUEST, at('red', key), large, 1));
    await assert.rejects(objects.write(GUEST, at('red', 'e'), object('x'), 1), /too much waits for it/);
    release();
    await Promise.all(writes);
    await objects.write(GUEST, at('red', 'e'), object('x'), 1);
  });

  it('are apart by namespace and color', async () => {
    await objects.write(GUEST, at('red', 'k'), object('one'), 1);
    assert.equal(await text('green', 'k'), undefined);
    assert.equal(await text('red', 'k', OTHER), undefined);
    assert.deepEqual((await objects.keys(GUEST, 'red')).keys, ['k']);
    assert.deepEqual((await objects.keys(OTHER, 'red')).keys, []);
  });

  it('are listed by key, prefix and page', async () => {
    for (const key of ['b1', 'a', 'b2', 'b3']) await objects.write(GUEST, at('red', key), object(key), 1);
    const list = async (asked: Partial<ListRequest>) => {
      const { objects: found, more } = await objects.list(GUEST, { ...everything, ...asked });
      return [...found.map(({ key, bytes, persistence }) => `${key} ${bytes} ${persistence}`), more];
    };
    assert.deepEqual(await list({ prefix: 'b', limit: 2 }), ['b1 2 stored', 'b2 2 stored', true]);
    assert.deepEqual(await list({ prefix: 'b', after: 'b2' }), ['b3 2 stored', false]);
    assert.equal((await list({})).length, 5);
  });

  it('are listed page by page, however many there are, up to a bound beyond which the list is refused', async () => {
    objects = new ArtifactObjects(stores.whisks, () => now, { maxKeys: 3, maxScanned: 600 });
    const keys = Array.from({ length: 600 }, (_, n) => `k${String(n).padStart(3, '0')}`);
    await Promise.all(keys.map((key, epoch) => objects.write(GUEST, at('red', key), object(''), epoch)));
    const found: string[] = [];
    for (let more = true, pages = 0; more; pages++) {
      const page = await objects.list(GUEST, { ...everything, after: found.at(-1), limit: 250 });
      found.push(...page.objects.map(({ key }) => key));
      more = page.more;
      assert.ok(pages < 3);
    }
    assert.deepEqual(found, keys);
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: 'many', epoch: 599 });
    await objects.write(GUEST, at('red', 'one more'), object(''), 600);
    await assert.rejects(objects.list(GUEST, everything), (error) => {
      assert.ok(error instanceof ObjectError);
      assert.equal(error.status, 413);
      assert.equal(error.message, 'The color has more than 600 stored objects, the most that can be listed.');
      return true;
    });
    assert.equal((await objects.keys(GUEST, 'red')).keys, 'many');
  });

  /** Writes objects, removes the first ones, and lets the time of the next ones end. */
  async function writeMany(live: number, removed: number, over: number): Promise<void> {
    const write = (key: string, ttlMs?: number) => objects.write(GUEST, at('red', key), object('', ttlMs), 1);
    for (let n = 0; n < removed; n++) {
      await write(`removed${n}`);
      await objects.remove(GUEST, at('red', `removed${n}`), 1);
    }
    await Promise.all(Array.from({ length: over }, (_, n) => write(`over${n}`, 10)));
    await Promise.all(Array.from({ length: live }, (_, n) => write(`live${n}`)));
    now += 10;
  }

  it('count for the bound of a list while they are there, and not after they were removed or their time was over', async () => {
    objects = new ArtifactObjects(stores.whisks, () => now, { maxScanned: 5 });
    await writeMany(5, 20, 200);
    assert.equal((await stores.whisks.listDocuments('objects/', 1000)).length, 225);
    const list = await objects.list(GUEST, everything);
    assert.deepEqual(
      list.objects.map(({ key }) => key),
      ['live0', 'live1', 'live2', 'live3', 'live4'],
    );
    // Marks stay for a while, and so do objects whose time is over: writes of former owners may come late.
    assert.equal((await stores.whisks.listDocuments('objects/', 1000)).length, 225);
    assert.equal((await objects.keys(GUEST, 'red')).keys.length, 225);
    now += 300_000;
    await objects.list(GUEST, everything);
    assert.equal((await stores.whisks.listDocuments('objects/', 1000)).length, 5);
    assert.equal((await objects.keys(GUEST, 'red')).keys.length, 5);
    await objects.write(GUEST, at('red', 'one more'), object(''), 1);
    await assert.rejects(objects.list(GUEST, everything), /more than 5 stored objects/);
  });

  it('are listed later if there are too many removed ones', async () => {
    objects = new ArtifactObjects(stores.whisks, () => now, { maxPages: 1 });
    await writeMany(2, 498, 0);
    await assert.rejects(objects.list(GUEST, everything), (error) => {
      assert.ok(error instanceof ObjectError);
      assert.deepEqual([error.status, error.retryAfterS], [503, 300]);
      return true;
    });
    assert.equal((await objects.keys(GUEST, 'red')).keys, 'many');
    now += 300_000;
    // These go, and the next list finds the rest.
    await assert.rejects(objects.list(GUEST, everything), /a short time ago/);
    assert.equal((await objects.list(GUEST, everything)).objects.length, 2);
  });

  it('stay if they are written anew while a list removes old ones', async () => {
    await writeMany(0, 0, 3);
    now += 300_000;
    const writer = new ArtifactObjects(stores.whisks, () => now);
    const listDocuments = stores.whisks.listDocuments.bind(stores.whisks);
    const raced: Pick<ArtifactStore, 'listDocuments'> = {
      listDocuments: async (...asked) => {
        const page = await listDocuments(...asked);
        await writer.write(GUEST, at('red', 'over1'), object('anew'), 1);
        return page;
      },
    };
    Object.assign(stores.whisks, raced);
    await objects.list(GUEST, everything);
    assert.equal(await text('red', 'over1'), '"anew" anew');
    assert.equal((await listDocuments('objects/', 10)).length, 1);
  });

  it('are listed with two reads of pages at a time, and too many lists are refused, but not the keys of a color', async () => {
    objects = new ArtifactObjects(stores.whisks, () => now, { maxLists: 4 });
    await writeMany(1, 0, 0);
    const listDocuments = stores.whisks.listDocuments.bind(stores.whisks);
    let release: () => void = () => undefined;
    const delayed = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    const slow: Pick<ArtifactStore, 'listDocuments'> = {
      listDocuments: async (...page) => {
        // Only the first two pages, which are of lists.
        if (++asked <= 2) await delayed;
        return listDocuments(...page);
      },
    };
    Object.assign(stores.whisks, slow);
    const lists = [1, 2, 3, 4].map(() => objects.list(GUEST, everything));
    await assert.rejects(objects.list(GUEST, everything), /too many lists wait for it/);
    assert.equal(asked, 2);
    // Others do not wait for them.
    assert.deepEqual((await objects.keys(GUEST, 'red')).keys, ['live0']);
    assert.equal(await text('red', 'live0'), '"" ');
    assert.equal(asked, 3);
    release();
    for (const list of lists) assert.equal((await list).objects.length, 1);
    assert.equal((await objects.list(GUEST, everything)).objects.length, 1);
  });

  it('have their keys searched for in many colors at once, up to a bound beyond which a search is refused', async () => {
    const colors = Array.from({ length: 100 }, (_, n) => `color${n}`);
    const found = await Promise.all(colors.map((color) => objects.keys(GUEST, color)));
    assert.deepEqual(new Set(found.map(({ keys }) => keys.length)), new Set([0]));
    objects = new ArtifactObjects(stores.whisks, () => now, { maxOpen: 3 });
    const listDocuments = stores.whisks.listDocuments.bind(stores.whisks);
    let release: () => void = () => undefined;
    const delayed = new Promise<void>((resolve) => (release = resolve));
    const slow: Pick<ArtifactStore, 'listDocuments'> = {
      listDocuments: async (...page) => {
        await delayed;
        return listDocuments(...page);
      },
    };
    Object.assign(stores.whisks, slow);
    const searches = [1, 2, 3].map(() => objects.keys(GUEST, 'red'));
    await assert.rejects(objects.keys(GUEST, 'green'), (error) => {
      assert.ok(error instanceof ObjectError);
      assert.deepEqual([error.status, error.retryAfterS], [503, 5]);
      assert.match(error.message, /too much waits for it/);
      return true;
    });
    release();
    await Promise.all(searches);
    assert.deepEqual((await objects.keys(GUEST, 'green')).keys, []);
  });

  it('are gone after their time, also from the store once they are asked for', async () => {
    await objects.write(GUEST, at('red', 'k'), object('one', 500), 1);
    now = 1400;
    assert.equal((await objects.read(GUEST, at('red', 'k'), 1))?.ttlMs, 100);
    now = 1500;
    assert.equal(await text('red', 'k'), undefined);
    // A mark stays for a while.
    now += 299_999;
    assert.equal(await text('red', 'k'), undefined);
    assert.equal((await stores.whisks.listDocuments('objects/', 10)).length, 1);
    now += 1;
    assert.equal(await text('red', 'k'), undefined);
    assert.deepEqual(await stores.whisks.listDocuments('objects/', 10), []);
  });

  it('are not changed by a former owner, whose epoch is lower, once the next one has read or written them', async () => {
    const former = /503|taken the color over/;
    await objects.write(GUEST, at('red', 'k'), object('one'), 5);
    assert.equal((await objects.keys(GUEST, 'red')).epoch, 5);
    assert.equal((await objects.read(GUEST, at('red', 'k'), 7))?.etag, '"one"');
    await assert.rejects(objects.write(GUEST, at('red', 'k'), object('late'), 5), former);
    await assert.rejects(objects.remove(GUEST, at('red', 'k'), 6), former);
    await assert.rejects(objects.read(GUEST, at('red', 'k'), 6), former);
    assert.equal(Buffer.from((await objects.read(GUEST, at('red', 'k'), 7))?.bytes ?? []).toString(), 'one');
    await objects.remove(GUEST, at('red', 'k'), 7);
    await assert.rejects(objects.write(GUEST, at('red', 'k'), object('late'), 5), former);
    assert.equal(await objects.read(GUEST, at('red', 'k'), 8), undefined);
    await objects.write(GUEST, at('red', 'k'), object('two'), 8);
    assert.equal((await objects.read(GUEST, at('red', 'k'), 8))?.etag, '"two"');
  });

  it('are not brought back by a former owner after their time, once the next one has looked for them', async () => {
    const late = objects.write.bind(objects, GUEST, at('red', 'k'), object('late'), 5);
    await objects.write(GUEST, at('red', 'k'), object('one', 500), 5);
    now = 1500;
    // The next owner learns that there may be one.
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: ['k'], epoch: 5 });
    assert.deepEqual((await objects.list(GUEST, everything)).objects, []);
    assert.equal(await objects.read(GUEST, at('red', 'k'), 6), undefined);
    await assert.rejects(late, /taken the color over/);
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: ['k'], epoch: 6 });
    await objects.write(GUEST, at('red', 'k'), object('two'), 6);
    assert.equal((await objects.read(GUEST, at('red', 'k'), 6))?.etag, '"two"');
  });

  it('are not brought back by a former owner after their removal, once the next one has looked for them', async () => {
    await objects.write(GUEST, at('red', 'k'), object('one'), 5);
    await objects.remove(GUEST, at('red', 'k'), 5);
    // The next owner learns that there may be one.
    assert.deepEqual(await objects.keys(GUEST, 'red'), { keys: ['k'], epoch: 5 });
    assert.equal(await objects.read(GUEST, at('red', 'k'), 6), undefined);
    await assert.rejects(objects.write(GUEST, at('red', 'k'), object('late'), 5), /taken the color over/);
  });

  it('that were removed do not hide the keys of others, however many they are', async () => {
    objects = new ArtifactObjects(stores.whisks, () => now, { maxKeys: 5 });
    await writeMany(3, 20, 0);
    const { keys } = await objects.keys(GUEST, 'red');
    assert.ok(keys !== 'many');
    assert.deepEqual(keys.slice(0, 3).toSorted(), ['live0', 'live1', 'live2']);
    assert.equal(keys.length, 5);
  });

  it('are not changed by a former owner that writes at the same time', async () => {
    await objects.write(GUEST, at('red', 'k'), object('one'), 5);
    const late = Promise.allSettled([1, 2, 3, 4].map((n) => objects.write(GUEST, at('red', 'k'), object(`${n}`), 5)));
    const read = await objects.read(GUEST, at('red', 'k'), 7);
    await late;
    assert.equal((await objects.read(GUEST, at('red', 'k'), 7))?.etag, read?.etag);
  });

  it('of 8 MB keep their bytes', async () => {
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'x');
    await objects.write(GUEST, at('red', 'k'), { ...object('large'), bytes }, 1);
    assert.ok(bytes.equals((await objects.read(GUEST, at('red', 'k'), 1))?.bytes ?? Buffer.alloc(0)));
  });
});
