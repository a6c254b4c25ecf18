import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import {
  RefusedByStoreError,
  StoreError,
  type ArtifactStore,
  type NewDocument,
  type WriteRefusal,
  type Stores,
} from '../../shared/store/ArtifactStore.js';
import { TooManyRecordsError } from '../../shared/store/ActivationStore.js';
import { BatchingActivationStore, type ActivationWriteOptions } from '../../shared/store/BatchingActivationStore.js';

function record(n: number, fields: Partial<ActivationRecord> = {}): ActivationRecord {
  return {
    activationId: n.toString(16).padStart(32, '0'),
    namespace: 'guest',
    name: 'hello',
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: 1000 + n,
    end: 1005 + n,
    duration: 5,
    response: { statusCode: 0, result: { n }, size: 7 },
    logs: [],
    annotations: [{ key: 'path', value: 'guest/hello' }],
    ...fields,
  };
}
const id = (n: number): string => record(n).activationId;

/** How records are written and read, on any store. `openStores` gives empty databases. */
export function activationStoreSuite(openStores: () => Promise<Stores>): void {
  let stores: Stores;
  let batches: string[][];
  /** What the store does with the next batches instead of taking them. */
  let troubles: (() => Promise<void>)[];
  let refuses: (document: ActivationRecord) => boolean;
  /** What the store says of single records, while it takes the others. */
  let refusesOne: (document: ActivationRecord) => Omit<WriteRefusal, 'id'> | undefined;
  let activations: BatchingActivationStore;

  beforeEach(async () => {
    stores = await openStores();
    batches = [];
    troubles = [];
    refuses = () => false;
    refusesOne = () => undefined;
    open({});
  });
  afterEach(() => stores.close());

  function open(options: ActivationWriteOptions): void {
    const { activations: inner } = stores;
    const store: ArtifactStore = {
      get: (key) => inner.get(key),
      put: (document, attachment) => inner.put(document, attachment),
      async putMany(documents: readonly NewDocument[]) {
        batches.push(documents.map(({ _id }) => _id.slice('guest/'.length)));
        await troubles.shift()?.();
        if ((documents as unknown as ActivationRecord[]).some(refuses)) throw new RefusedByStoreError('too large');
        const refused: WriteRefusal[] = [];
        for (const document of documents as unknown as (ActivationRecord & NewDocument)[]) {
          const refusal = refusesOne(document);
          if (refusal) refused.push({ id: document._id, ...refusal });
        }
        const taken = documents.filter(({ _id }) => !refused.some(({ id: other }) => other === _id));
        return { ...(await inner.putMany(taken)), refused };
      },
      delete: (key, revision) => inner.delete(key, revision),
      deleteMany: (ids) => inner.deleteMany(ids),
      query: (view, query) => inner.query(view, query),
      count: (view, query) => inner.count(view, query),
      listDocuments: (after, limit) => inner.listDocuments(after, limit),
      readAttachment: (key, name) => inner.readAttachment(key, name),
      close: () => inner.close(),
    };
    activations = new BatchingActivationStore(store, { retryDelayMs: 1, concurrency: 1, now: () => 5000, ...options });
  }
  const away = (): Promise<void> => Promise.reject(new StoreError('away'));

  it('stores a record as OpenWhisk does, and reads it back', async () => {
    await activations.store(record(1));
    assert.deepEqual(await activations.get('guest', id(1)), record(1));
    const { _rev, ...document } = (await stores.activations.get(`guest/${id(1)}`)) ?? { _rev: '' };
    assert.match(_rev, /^1-/);
    assert.deepEqual(document, { ...record(1), _id: `guest/${id(1)}`, entityType: 'activation', updated: 5000 });
    assert.equal(await activations.get('guest', id(2)), undefined);
  });

  it('stores a single record at once, and records that come during a batch together', async () => {
    await Promise.all(
      [1, 2, 3, 4].map(async (n) => {
        if (n > 1) await new Promise(setImmediate);
        await activations.store(record(n));
      }),
    );
    assert.deepEqual(batches, [[id(1)], [id(2), id(3), id(4)]]);
  });

  it('bounds a batch by number and by size', async () => {
    open({ maxBatchRecords: 2 });
    await Promise.all([1, 2, 3, 4, 5].map((n) => activations.store(record(n))));
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [2, 2, 1],
    );
    batches = [];
    open({ maxBatchBytes: 5000 });
    const large = [6, 7, 8].map((n) => record(n, { logs: ['x'.repeat(3000)] }));
    await Promise.all(large.map((r) => activations.store(r)));
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [1, 1, 1],
    );
  });

  it('leaves an existing record alone', async () => {
    await activations.store(record(1));
    await activations.store(record(1, { name: 'late' }));
    await Promise.all([activations.store(record(2)), activations.store(record(2, { name: 'late' }))]);
    for (const n of [1, 2]) assert.equal((await activations.get('guest', id(n)))?.name, 'hello');
    assert.equal(await activations.count('guest', {}, 0), 2);
  });

  it('tries again until the store is back; the record can be read meanwhile', async () => {
    troubles = [away, away, away];
    const stored = activations.store(record(1));
    assert.deepEqual(await activations.get('guest', id(1)), record(1));
    await stored;
    assert.equal(batches.length, 4);
    assert.equal((await stores.activations.get(`guest/${id(1)}`))?.['name'], 'hello');
  });

  it('lists and counts a record that was found by its id, although it was on its way', async () => {
    const stored = activations.store(record(1));
    assert.ok(await activations.get('guest', id(1)));
    const list = await activations.list('guest', {}, { skip: 0, limit: 0, docs: false });
    assert.deepEqual(
      list.map((one) => one['activationId']),
      [id(1)],
    );
    const more = activations.store(record(2));
    assert.equal(await activations.count('guest', {}, 0), 2);
    await Promise.all([stored, more]);
  });

  it('holds further work while too many records wait', async () => {
    open({ maxBacklogBytes: 2500 });
    let comeBack = (): void => {};
    troubles = [() => new Promise((resolve) => (comeBack = resolve))];
    await activations.ready();
    const stored = [1, 2, 3].map((n) => activations.store(record(n)));
    let ready = false;
    const waiting = activations.ready().then(() => (ready = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(ready, false);
    comeBack();
    await waiting;
    await Promise.all(stored);
  });

  it('refuses them when that lasts', async () => {
    open({ maxBacklogBytes: 2500, patienceMs: 30 });
    let comeBack = (): void => {};
    troubles = [() => new Promise((resolve) => (comeBack = resolve))];
    const stored = [1, 2, 3].map((n) => activations.store(record(n)));
    await assert.rejects(activations.ready(), TooManyRecordsError);
    comeBack();
    await Promise.all(stored);
    await activations.ready();
  });

  it('writes further apart while the store is busy', async () => {
    open({ intervalMs: 1, maxIntervalMs: 60 });
    const began: number[] = [];
    const begin = (): void => void began.push(performance.now());
    troubles = [() => sleep(20, begin()), async () => begin()];
    await activations.store(record(1));
    await activations.store(record(2));
    const [first = 0, second = 0] = began;
    // Five times twenty is more than the most. Timers and the clock differ by some milliseconds.
    assert.ok(second - first >= 50, `the second batch began ${second - first} ms after the first`);
    assert.equal(batches.length, 2);
  });

  it('writes records at once for which a list or a flush waits', async () => {
    open({ intervalMs: 600_000 });
    await activations.store(record(1));
    const second = activations.store(record(2));
    const listed = await activations.list('guest', {}, { skip: 0, limit: 10, docs: false });
    assert.deepEqual(
      listed.map(({ activationId }) => activationId),
      [id(2), id(1)],
    );
    await second;
    const third = activations.store(record(3));
    await activations.flush();
    await third;
    assert.equal(batches.length, 3);
  });

  it('writes a full batch at once', async () => {
    open({ intervalMs: 600_000, maxBatchRecords: 3 });
    await activations.store(record(1));
    const early = activations.store(record(2));
    await sleep(5);
    assert.equal(batches.length, 1);
    await Promise.all([early, activations.store(record(3)), activations.store(record(4))]);
    assert.deepEqual(batches, [[id(1)], [id(2), id(3), id(4)]]);
  });

  it('writes a batch of large records at once', async () => {
    open({ intervalMs: 600_000, maxBatchBytes: 50_000 });
    await activations.store(record(1));
    const large = { logs: ['x'.repeat(30_000)] };
    const early = activations.store(record(2, large));
    await sleep(5);
    assert.equal(batches.length, 1);
    const late = activations.store(record(3, large));
    await early;
    assert.deepEqual(batches, [[id(1)], [id(2)]]);
    await activations.flush();
    await late;
  });

  it('finds the record that is refused, stores it without its logs, and all the others whole', async () => {
    refuses = (r) => r.logs.join('').length > 100;
    const records = [1, 2, 3, 4, 5].map((n) => record(n, { logs: n === 4 ? ['x'.repeat(200)] : ['short'] }));
    await Promise.all(records.map((r) => activations.store(r)));
    assert.deepEqual((await activations.get('guest', id(3)))?.logs, ['short']);
    const reduced = await activations.get('guest', id(4));
    assert.deepEqual(reduced?.response.result, { n: 4 });
    assert.match(reduced.logs.join('\n'), /^The logs were omitted/);
  });

  it('says so when a record cannot be stored at all', async () => {
    refuses = (r) => r.activationId === id(2);
    const results = await Promise.allSettled([1, 2, 3].map((n) => activations.store(record(n))));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await activations.flush();
    assert.equal(await activations.get('guest', id(2)), undefined);
  });

  it('stores the others if one cannot be written as JSON', async () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as [];
    const records = [1, 2, 3].map((n) =>
      record(n, n === 2 ? { response: { statusCode: 0, result: deep, size: 2 } } : {}),
    );
    const results = await Promise.allSettled(records.map((r) => activations.store(r)));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  it('stores the others if the program itself fails at one', async () => {
    refuses = (r) => {
      if (r.activationId === id(2)) throw new TypeError('not a function');
      return false;
    };
    const results = await Promise.allSettled([1, 2, 3].map((n) => activations.store(record(n))));
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  it('loses only the records that the store refuses for good, and asks once more without their logs', async () => {
    refusesOne = (r) => (r.name === 'bad' ? { reason: 'forbidden by validate_doc_update', final: true } : undefined);
    const names = ['good', 'bad', 'good'];
    const results = await Promise.allSettled(
      names.map((name, n) => activations.store(record(n, { name, logs: ['x'] }))),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await activations.store(record(9));
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [3, 1, 1],
    );
  });

  it('holds up no record while it tries others again, and gives those up in the end', async () => {
    open({ maxRetryDelayMs: 2 });
    refusesOne = (r) => (r.name === 'bad' ? { reason: 'unknown_error', final: false } : undefined);
    const outcomes: string[] = [];
    // More than there are batches at a time.
    const bad = [1, 2, 3].map((n) =>
      activations.store(record(n, { name: 'bad' })).catch((error: Error) => outcomes.push(error.name)),
    );
    await activations.store(record(4));
    assert.deepEqual(outcomes, [], 'the good record did not wait for the bad ones');
    await activations.store(record(5));
    await Promise.all(bad);
    assert.deepEqual(outcomes, ['RefusedByStoreError', 'RefusedByStoreError', 'RefusedByStoreError']);
    await activations.flush();
  });

  it('keeps a record that the store does not take while it takes no other either', async () => {
    open({ maxRetryDelayMs: 1 });
    let tries = 0;
    refusesOne = () => (tries++ < 20 ? { reason: 'no space', final: false } : undefined);
    await activations.store(record(1));
    assert.deepEqual(await activations.get('guest', id(1)), record(1));
  });

  it('holds an invoker while too many bytes wait, and lets it go at the close', async () => {
    open({ maxBacklogBytes: 2500, patienceMs: 1 });
    let comeBack = (): void => {};
    troubles = [() => new Promise((resolve) => (comeBack = resolve))];
    await activations.room();
    const stored = [1, 2, 3].map((n) => activations.store(record(n)));
    let room = false;
    const waiting = activations.room()?.then(() => (room = true));
    await assert.rejects(activations.ready(), TooManyRecordsError);
    assert.equal(room, false, 'it waits for longer than requests do');
    comeBack();
    await waiting;
    await Promise.all(stored);

    open({ maxBacklogBytes: 1 });
    troubles = Array.from({ length: 10_000 }, () => away);
    const lost = activations.store(record(4)).catch(() => {});
    const held = activations.room();
    await activations.close(1);
    await held;
    await lost;
  });

  it('closes when all is stored, and takes nothing more', async () => {
    troubles = [away];
    const stored = activations.store(record(1));
    await activations.close();
    await stored;
    await assert.rejects(activations.store(record(2)), StoreError);
  });

  it('gives up at the end of its patience, and names the lost records', async () => {
    troubles = Array.from({ length: 10_000 }, () => away);
    const lost: string[] = [];
    const stored = activations.store(record(1)).catch((error: Error) => lost.push(error.message));
    await activations.close(20);
    await stored;
    assert.deepEqual(lost, ['closed before it was stored']);
  });

  it('reports metrics', async () => {
    const seen: string[] = [];
    open({
      observer: {
        stored: (records) => seen.push(`stored ${records}`),
        failed: () => seen.push('failed'),
        backlog: (records) => seen.push(`backlog ${records}`),
      },
    });
    troubles = [away];
    await activations.store(record(1));
    assert.deepEqual(seen, ['failed', 'backlog 1', 'stored 1', 'backlog 0']);
  });

  it('lists by color, of a namespace or of an action, within times', async () => {
    const colored = (color: string) => ({ annotations: [{ key: 'color', value: color }] });
    await Promise.all([
      activations.store(record(1, colored('blue'))),
      activations.store(record(2)),
      activations.store(record(3, colored('green'))),
      activations.store(record(4, { ...colored('blue'), name: 'other' })),
    ]);
    const list = async (filter: Parameters<typeof activations.list>[1]): Promise<number[]> =>
      (await activations.list('guest', filter, { skip: 0, limit: 0, docs: true })).map(({ start }) => start - 1000);
    assert.deepEqual(await list({ color: 'blue' }), [4, 1]);
    assert.deepEqual(await list({ color: 'blue', name: 'other' }), [4]);
    assert.deepEqual(await list({ color: 'blue', upto: 1003 }), [1]);
    assert.deepEqual(await list({ color: 'red' }), []);
    assert.equal(await activations.count('guest', { color: 'blue' }, 0), 2);
  });

  it('lists newest first, by name and package, within times, with and without the documents', async () => {
    const inPackage = [{ key: 'path', value: 'guest/pkg/inner' }];
    await Promise.all([
      ...[1, 2, 3].map((n) => activations.store(record(n))),
      activations.store(record(4, { name: 'inner', annotations: inPackage })),
      activations.store(record(5, { namespace: 'other' })),
    ]);
    const list = async (filter: Parameters<typeof activations.list>[1], skip = 0, limit = 30) =>
      (await activations.list('guest', filter, { skip, limit, docs: false })).map((r) => Number(r['start']) - 1000);
    assert.deepEqual(await list({}), [4, 3, 2, 1]);
    assert.deepEqual(await list({}, 1, 2), [3, 2]);
    assert.deepEqual(await list({ name: 'hello' }), [3, 2, 1]);
    assert.deepEqual(await list({ name: 'pkg/inner' }), [4]);
    assert.deepEqual(await list({ name: 'inner' }), []);
    assert.deepEqual(await list({ since: 1002 }), [4, 3, 2]);
    assert.deepEqual(await list({ since: 1002, upto: 1003 }), [3, 2]);
    assert.deepEqual(await list({ name: 'hello', upto: 1002 }), [2, 1]);
    assert.equal(await activations.count('guest', { since: 1002 }, 1), 2);
    assert.equal(await activations.count('guest', { name: 'hello' }, 0), 3);
    const [summary] = await activations.list('guest', {}, { skip: 3, limit: 1, docs: false });
    const { subject: _, response: __, logs: ___, ...common } = record(1);
    assert.deepEqual(summary, { ...common, statusCode: 0 });
    const [full] = await activations.list('guest', {}, { skip: 3, limit: 1, docs: true });
    assert.deepEqual(full, record(1));
  });
}
