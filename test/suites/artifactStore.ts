import assert from 'node:assert/strict';
import { attach } from './attach.js';
import { randomUUID } from 'node:crypto';
import { DocumentConflictError, type NewDocument, type Stores } from '../../shared/store/ArtifactStore.js';

const starts = (rows: { key: unknown }[]): unknown[] => rows.map((row) => (row.key as [string, number])[1]);

/** Above every string that a key holds: OpenWhisk ends its ranges with it. */
const TOP = '\ufff0';

/**
 * What every implementation of `ArtifactStore` does. `open` gives stores whose databases may hold documents of others:
 * each test uses a namespace of its own.
 */
export function artifactStoreSuite(open: () => Promise<Stores>): void {
  let stores: Stores;
  let namespace: string;

  before(async () => {
    stores = await open();
  });
  after(() => stores.close());
  beforeEach(() => {
    namespace = `ns-${randomUUID()}`;
  });

  const all = (): { startKey: [string, number]; endKey: [string, string, string] } => ({
    startKey: [namespace, 0],
    endKey: [namespace, TOP, TOP],
  });

  describe('documents', () => {
    it('returns a stored document with its revision', async () => {
      const document = { ...trigger('t', 7), odd: { nested: [1, 'two', null, true, { '': 'é€𝄞' }] } };
      const revision = await stores.whisks.put(document);
      assert.match(revision, /^1-[0-9a-f]{32}$/);
      assert.deepEqual(await stores.whisks.get(document._id), { ...document, _rev: revision });
    });

    it('has nothing under an unknown id', async () => {
      assert.equal(await stores.whisks.get(`${namespace}/none`), undefined);
    });

    it('counts revisions up and refuses stale, missing, invented and deleted ones', async () => {
      const first = await stores.whisks.put(trigger('t', 1));
      const second = await stores.whisks.put({ ...trigger('t', 2), _rev: first });
      assert.match(second, /^2-/);
      await assert.rejects(stores.whisks.put({ ...trigger('t', 3), _rev: first }), DocumentConflictError);
      await assert.rejects(stores.whisks.put(trigger('t', 3)), DocumentConflictError);
      for (const n of [1, 2, 3]) {
        const invented = { ...trigger('t', 3), _rev: `${n}-${'0'.repeat(32)}` };
        await assert.rejects(stores.whisks.put(invented), DocumentConflictError);
      }
      assert.equal((await stores.whisks.get(`${namespace}/t`))?.['updated'], 2);
      await stores.whisks.delete(`${namespace}/t`, second);
      for (const _rev of [first, second]) {
        await assert.rejects(stores.whisks.put({ ...trigger('t', 3), _rev }), DocumentConflictError);
      }
      assert.equal(await stores.whisks.get(`${namespace}/t`), undefined);
    });

    it('lets one of several concurrent writers win', async () => {
      const revision = await stores.whisks.put(trigger('t', 0));
      const attempts = [1, 2, 3, 4, 5].map((n) => stores.whisks.put({ ...trigger('t', n), _rev: revision }));
      const results = await Promise.allSettled(attempts);
      assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
      for (const r of results) if (r.status === 'rejected') assert.ok(r.reason instanceof DocumentConflictError);
    });

    it('deletes at the current revision only, and lets the id be used again', async () => {
      const first = await stores.whisks.put(trigger('t', 1));
      const second = await stores.whisks.put({ ...trigger('t', 2), _rev: first });
      await assert.rejects(stores.whisks.delete(`${namespace}/t`, first), DocumentConflictError);
      assert.equal(await stores.whisks.delete(`${namespace}/t`, second), true);
      assert.equal(await stores.whisks.get(`${namespace}/t`), undefined);
      assert.equal(await stores.whisks.delete(`${namespace}/t`, second), false);
      assert.deepEqual(await stores.whisks.query('whisks.v2.1.0/triggers', all()), []);
      await stores.whisks.put(trigger('t', 3));
      assert.equal((await stores.whisks.get(`${namespace}/t`))?.['updated'], 3);
    });

    it('takes ids of three names of 256 characters, and of any characters', async () => {
      const names = ['a', 'b', 'c'].map((c) => c.repeat(256));
      const long = { ...action('x', 5), _id: names.join('/'), name: names[2], namespace: names.slice(0, 2).join('/') };
      await removeIfThere(long._id);
      await stores.whisks.put(long);
      assert.equal((await stores.whisks.get(long._id))?.['name'], names[2]);
      const key = names.slice(0, 2).join('/');
      const rows = await stores.whisks.query('whisks.v2.1.0/actions', { startKey: [key, 0], endKey: [key, TOP] });
      assert.deepEqual(
        rows.map((row) => row.id),
        [long._id],
      );
      await removeIfThere(long._id);
      for (const name of ['with space & @.-_ é/?#%41+', 'my_local_design', 'a_design/x']) {
        const revision = await stores.whisks.put(trigger(name, 1));
        assert.equal((await stores.whisks.get(`${namespace}/${name}`))?.['name'], name);
        assert.equal(await stores.whisks.delete(`${namespace}/${name}`, revision), true);
      }
    });
  });

  describe('walking through a database', () => {
    it('gives every document once, in the order of ids', async () => {
      const ids = Array.from({ length: 7 }, (_, i) => `${namespace}/${i}`);
      await stores.subjects.putMany(ids.toReversed().map((_id) => ({ _id })));
      const all: string[] = [];
      for (let after: string | undefined; ; after = all.at(-1)) {
        const page = await stores.subjects.listDocuments(after, 3);
        assert.ok(page.length <= 3);
        if (page.length === 0) break;
        all.push(...page.map(({ _id }) => _id));
      }
      assert.equal(new Set(all).size, all.length);
      assert.deepEqual(
        all.filter((id) => id.startsWith(`${namespace}/`)),
        ids,
      );
      assert.ok(!all.some((id) => id.startsWith('_design/')));
    });

    it('begins after an id that no document has, or has no more', async () => {
      await stores.subjects.putMany(['a1', 'a2', 'a3'].map((id) => ({ _id: `${namespace}/${id}` })));
      const after = async (id: string): Promise<string[]> =>
        (await stores.subjects.listDocuments(`${namespace}/${id}`, 2)).map(({ _id }) => _id);
      assert.deepEqual(await after('a'), [`${namespace}/a1`, `${namespace}/a2`]);
      assert.deepEqual(await after('a1'), [`${namespace}/a2`, `${namespace}/a3`]);
      await stores.subjects.deleteMany([`${namespace}/a1`]);
      assert.deepEqual(await after('a1'), [`${namespace}/a2`, `${namespace}/a3`]);
    });
  });

  describe('putMany', () => {
    it('stores new documents, and names existing ones', async () => {
      await stores.activations.putMany([activation('a1', 'hello', 10)]);
      const { conflicts } = await stores.activations.putMany([
        activation('a2', 'hello', 20),
        activation('a1', 'other', 30),
        activation('a3', 'hello', 40),
      ]);
      assert.deepEqual(conflicts, [`${namespace}/a1`]);
      assert.equal((await stores.activations.get(`${namespace}/a1`))?.['name'], 'hello');
      assert.equal(await stores.activations.count('whisks.v2.1.0/activations', all()), 3);
      assert.deepEqual(await stores.activations.putMany([]), { conflicts: [], refused: [] });
    });

    it('stores large documents', async () => {
      const large = { ...activation('big', 'hello', 1), logs: ['x'.repeat(3_000_000)] };
      await stores.activations.putMany([large]);
      assert.deepEqual((await stores.activations.get(large._id))?.['logs'], large.logs);
    });
  });

  describe('views', () => {
    beforeEach(async () => {
      await stores.activations.putMany(
        Array.from({ length: 12 }, (_, i) => activation(`a${i}`, i % 2 ? 'odd' : 'even', 1000 + i)),
      );
      const foreign = { ...activation('foreign', 'odd', 1005), _id: `${namespace}0/f`, namespace: `${namespace}0` };
      await stores.activations.putMany([foreign]);
    });

    it('lists a range in both directions, ends included', async () => {
      const query = { startKey: [namespace, 1003], endKey: [namespace, 1006] } as const;
      const up = await stores.activations.query('whisks.v2.1.0/activations', query);
      assert.deepEqual(starts(up), [1003, 1004, 1005, 1006]);
      const down = await stores.activations.query('whisks.v2.1.0/activations', { ...query, descending: true });
      assert.deepEqual(starts(down), [1006, 1005, 1004, 1003]);
    });

    it('keeps to the namespace, and takes [ns, 0] to [ns, top, top] as all of it', async () => {
      const rows = await stores.activations.query('whisks.v2.1.0/activations', { ...all(), descending: true });
      assert.deepEqual(
        starts(rows),
        Array.from({ length: 12 }, (_, i) => 1011 - i),
      );
      assert.equal(rows[0]?.id, `${namespace}/a11`);
      assert.deepEqual(rows[0].key, [namespace, 1011]);
    });

    it('skips and limits in the direction asked, 0 being no limit', async () => {
      const query = { ...all(), descending: true, skip: 2 };
      const some = await stores.activations.query('whisks.v2.1.0/activations', { ...query, limit: 3 });
      assert.deepEqual(starts(some), [1009, 1008, 1007]);
      const rest = await stores.activations.query('whisks.v2.1.0/activations', { ...query, limit: 0 });
      assert.equal(rest.length, 10);
      const none = await stores.activations.query('whisks.v2.1.0/activations', { ...all(), skip: 50 });
      assert.deepEqual(none, []);
    });

    it('counts with skip taken off and limit aside', async () => {
      const name = 'whisks.v2.1.0/activations';
      assert.equal(await stores.activations.count(name, all()), 12);
      assert.equal(await stores.activations.count(name, { ...all(), skip: 5, limit: 2 }), 7);
      assert.equal(await stores.activations.count(name, { ...all(), skip: 50 }), 0);
      assert.equal(await stores.activations.count(name, { startKey: [namespace, 1003], endKey: [namespace, 1006] }), 4);
      assert.equal(await stores.activations.count(name, { startKey: ['nobody', 0], endKey: ['nobody', TOP] }), 0);
    });

    it('sorts numbers below strings, and rows of equal keys by id', async () => {
      await stores.activations.putMany([
        activation('b', 'tie', 5),
        activation('a', 'tie', 5),
        activation('c', 'tie', 5),
      ]);
      const key = `${namespace}/tie`;
      const query = { startKey: [key, -1], endKey: [key, ''] } as const;
      const rows = await stores.activations.query('whisks-filters.v2.1.1/activations', query);
      assert.deepEqual(
        rows.map((row) => row.id),
        ['a', 'b', 'c'].map((id) => `${namespace}/${id}`),
      );
      const down = await stores.activations.query('whisks-filters.v2.1.1/activations', { ...query, descending: true });
      assert.equal(down[0]?.id, `${namespace}/c`);
    });

    it('lists by name', async () => {
      const key = `${namespace}/odd`;
      const query = { startKey: [key, 0], endKey: [key, TOP, TOP], descending: true, limit: 2 } as const;
      const rows = await stores.activations.query('whisks-filters.v2.1.1/activations', query);
      assert.deepEqual(starts(rows), [1011, 1009]);
    });

    it('adds the documents if asked', async () => {
      const query = { ...all(), limit: 1, includeDocs: true };
      const [row] = await stores.activations.query('whisks.v2.1.0/activations', query);
      assert.deepEqual(row?.doc?.['response'], { statusCode: 0, result: { n: 1 } });
      const [plain] = await stores.activations.query('whisks.v2.1.0/activations', { ...query, includeDocs: false });
      assert.equal(plain?.doc, undefined);
    });

    it('follows changes: an action moves to the top when it is updated, in its package and its namespace', async () => {
      const first = await stores.whisks.put(action('pkg/one', 1));
      await stores.whisks.put(action('two', 2));
      const names = async (): Promise<unknown[]> =>
        (await stores.whisks.query('whisks.v2.1.0/actions', { ...all(), descending: true })).map((row) => row.id);
      assert.deepEqual(await names(), [`${namespace}/two`, `${namespace}/pkg/one`]);
      await stores.whisks.put({ ...action('pkg/one', 3), _rev: first });
      assert.deepEqual(await names(), [`${namespace}/pkg/one`, `${namespace}/two`]);
      const key = `${namespace}/pkg`;
      const inside = await stores.whisks.query('whisks.v2.1.0/actions', {
        startKey: [key, 0],
        endKey: [key, TOP, TOP],
      });
      assert.deepEqual(
        inside.map((row) => row.value),
        [
          {
            namespace: key,
            name: 'one',
            version: '0.0.1',
            publish: false,
            annotations: [],
            limits: { timeout: 60000, memory: 256, logs: 10, concurrency: 1 },
            exec: { binary: false },
            updated: 3,
          },
        ],
      );
    });

    it('keeps actions, packages, triggers and rules apart', async () => {
      const common = { namespace, version: '0.0.1', publish: true, annotations: [], updated: 9 };
      const put = (id: string, fields: object): Promise<string> =>
        stores.whisks.put({ _id: `${namespace}/${id}`, name: id, ...common, ...fields } as NewDocument);
      await put('act', { exec: { kind: 'nodejs:20' }, parameters: [], limits: {} });
      await put('pkg', { binding: {}, parameters: [] });
      await put('bound', { binding: { namespace, name: 'pkg' }, parameters: [] });
      await put('trg', { parameters: [], limits: {} });
      await put('rul', { trigger: { path: namespace, name: 'trg' }, action: { path: namespace, name: 'act' } });
      const ids = async (view: Parameters<typeof stores.whisks.query>[0]): Promise<string[]> =>
        (await stores.whisks.query(view, all())).map((row) => row.id.slice(namespace.length + 1));
      assert.deepEqual(await ids('whisks.v2.1.0/actions'), ['act']);
      assert.deepEqual(await ids('whisks.v2.1.0/packages'), ['bound', 'pkg']);
      assert.deepEqual(await ids('whisks.v2.1.0/packages-public'), ['pkg']);
      assert.deepEqual(await ids('whisks.v2.1.0/triggers'), ['trg']);
      assert.deepEqual(await ids('whisks.v2.1.0/rules'), ['rul']);
    });

    it("adds the document that a row's value names: a subject's limits, null without them", async () => {
      const [uuid, key] = [randomUUID(), 'k'.repeat(64)];
      const spaces = [
        { name: namespace, uuid, key },
        { name: `${namespace}-dev`, uuid: randomUUID(), key },
      ];
      await stores.subjects.put({ _id: namespace, subject: namespace, namespaces: spaces } as NewDocument);
      await stores.subjects.put({ _id: `${namespace}/limits`, invocationsPerMinute: 0 } as NewDocument);
      const view = 'subjects.v2.0.0/identities';
      const query = { startKey: [uuid, key], endKey: [uuid, key], includeDocs: true, limit: 2, descending: true };
      const rows = await stores.subjects.query(view, query);
      assert.equal(rows.length, 1);
      assert.deepEqual(rows[0]?.value, { _id: `${namespace}/limits`, namespace, uuid, key });
      assert.equal(rows[0].id, namespace);
      assert.equal(rows[0].doc?.['invocationsPerMinute'], 0);
      const dev = { startKey: [`${namespace}-dev`], endKey: [`${namespace}-dev`], includeDocs: true };
      const [devRow] = await stores.subjects.query(view, dev);
      assert.equal(devRow?.doc ?? null, null);
      const blocked = { startKey: namespace, endKey: namespace };
      assert.equal(await stores.subjects.count('namespaceThrottlings/blockedNamespaces', blocked), 1);
      const [row] = await stores.subjects.query('namespaceThrottlings/blockedNamespaces', blocked);
      assert.deepEqual([row?.key, row?.value], [namespace, 1]);
    });
  });

  describe('attachments', () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);

    it('keeps the raw bytes under a new revision and describes them in the document', async () => {
      const first = await stores.whisks.put(action('a', 1));
      const second = await attach(stores.whisks, `${namespace}/a`, first, 'code', 'application/octet-stream', bytes);
      assert.match(second, /^2-/);
      assert.deepEqual(Uint8Array.from((await stores.whisks.readAttachment(`${namespace}/a`, 'code')) ?? []), bytes);
      const stored = await stores.whisks.get(`${namespace}/a`);
      assert.equal(stored?._rev, second);
      const stub = (stored['_attachments'] as Record<string, Record<string, unknown>>)['code'];
      assert.equal(stub?.['content_type'], 'application/octet-stream');
      assert.equal(stub['length'], bytes.length);
      assert.match(String(stub['digest']), /^md5-/);
    });

    it('are stored with a new document in one revision, or not at all', async () => {
      const attachment = { name: 'code', contentType: 'text/plain; charset=UTF-8', bytes };
      const first = await stores.whisks.put(action('a', 1), attachment);
      assert.match(first, /^1-/);
      assert.deepEqual(Uint8Array.from((await stores.whisks.readAttachment(`${namespace}/a`, 'code')) ?? []), bytes);
      const other = { ...attachment, bytes: bytes.subarray(0, 5) };
      await assert.rejects(stores.whisks.put(action('a', 2), other), DocumentConflictError);
      assert.equal((await stores.whisks.readAttachment(`${namespace}/a`, 'code'))?.length, bytes.length);
      const stored = await stores.whisks.get(`${namespace}/a`);
      assert.equal(stored?._rev, first);
      const stub = (stored['_attachments'] as Record<string, Record<string, unknown>>)['code'];
      assert.deepEqual([stub?.['content_type'], stub?.['length']], [attachment.contentType, bytes.length]);
      const second = await stores.whisks.put({ ...action('a', 3), _rev: first }, { ...other, name: 'newer' });
      assert.match(second, /^2-/);
      assert.equal(await stores.whisks.readAttachment(`${namespace}/a`, 'code'), undefined);
      assert.equal((await stores.whisks.readAttachment(`${namespace}/a`, 'newer'))?.length, 5);
    });

    it('refuses a stale revision, and has nothing under an unknown name', async () => {
      const first = await stores.whisks.put(action('a', 1));
      await stores.whisks.put({ ...action('a', 2), _rev: first });
      const stale = attach(stores.whisks, `${namespace}/a`, first, 'code', 'text/plain', bytes);
      await assert.rejects(stale, DocumentConflictError);
      assert.equal(await stores.whisks.readAttachment(`${namespace}/a`, 'code'), undefined);
      assert.equal(await stores.whisks.readAttachment(`${namespace}/none`, 'code'), undefined);
    });

    it('goes with a revision that does not name it, and with the document', async () => {
      const first = await stores.whisks.put(action('a', 1));
      const second = await attach(stores.whisks, `${namespace}/a`, first, 'code', 'text/plain', bytes);
      const third = await stores.whisks.put({
        ...(await stores.whisks.get(`${namespace}/a`)),
        _id: `${namespace}/a`,
        _rev: second,
      });
      assert.equal((await stores.whisks.readAttachment(`${namespace}/a`, 'code'))?.length, bytes.length);
      const fourth = await stores.whisks.put({ ...action('a', 2), _rev: third });
      assert.equal(await stores.whisks.readAttachment(`${namespace}/a`, 'code'), undefined);
      const fifth = await attach(stores.whisks, `${namespace}/a`, fourth, 'code', 'text/plain', bytes.subarray(0, 10));
      assert.equal((await stores.whisks.readAttachment(`${namespace}/a`, 'code'))?.length, 10);
      await stores.whisks.delete(`${namespace}/a`, fifth);
      assert.equal(await stores.whisks.readAttachment(`${namespace}/a`, 'code'), undefined);
    });
  });

  async function removeIfThere(id: string): Promise<void> {
    const found = await stores.whisks.get(id);
    if (found) await stores.whisks.delete(id, found._rev);
  }

  /* Documents in the shape of OpenWhisk's, as far as the views look at them. */

  function entity(name: string, updated: number) {
    const path = `${namespace}/${name}`;
    const slash = path.lastIndexOf('/');
    const names = { namespace: path.slice(0, slash), name: path.slice(slash + 1) };
    return { _id: path, ...names, version: '0.0.1', publish: false, annotations: [], updated };
  }
  function trigger(name: string, updated: number) {
    return { ...entity(name, updated), _id: `${namespace}/${name}`, name, namespace, parameters: [], limits: {} };
  }
  function action(name: string, updated: number) {
    const limits = { timeout: 60000, memory: 256, logs: 10, concurrency: 1 };
    return { ...entity(name, updated), exec: { kind: 'nodejs:20', code: 'x' }, parameters: [], limits };
  }
  function activation(activationId: string, name: string, start: number) {
    return {
      _id: `${namespace}/${activationId}`,
      activationId,
      namespace,
      name,
      version: '0.0.1',
      publish: false,
      annotations: [{ key: 'path', value: `${namespace}/${name}` }],
      start,
      end: start + 5,
      duration: 5,
      response: { statusCode: 0, result: { n: 1 } },
      logs: [],
      updated: start + 6,
    };
  }
}
