import assert from 'node:assert/strict';
import { attach } from './attach.js';
import type { Action, PackageDocument, RuleDocument, TriggerDocument } from '../../shared/entities/documents.js';
import {
  DocumentConflictError,
  StoreError,
  StoreUnavailableError,
  type ArtifactStore,
  type NewDocument,
  type Stores,
} from '../../shared/store/ArtifactStore.js';
import { LargeCode } from '../../shared/entities/LargeCode.js';
import { CachedEntityStore } from '../../shared/store/CachedEntityStore.js';
import { WrongEntityTypeError } from '../../shared/store/EntityStore.js';

const LIMITS = { timeout: 60000, memory: 256, logs: 10, concurrency: 1 };

function entity(name: string, updated = 1) {
  const [namespace, last] = [`guest/${name}`.slice(0, `guest/${name}`.lastIndexOf('/')), name.split('/').at(-1)];
  return {
    _id: `guest/${name}`,
    namespace,
    name: last ?? '',
    version: '0.0.1',
    publish: false,
    annotations: [],
    updated,
  };
}
const action = (name: string, code: string, updated = 1): Action => ({
  ...entity(name, updated),
  entityType: 'action',
  exec: { kind: 'nodejs:20', code, binary: false },
  parameters: [{ key: 'a', value: { b: [1] } }],
  limits: LIMITS,
});
const pkg = (name: string, publish: boolean, updated = 1): PackageDocument => ({
  ...entity(name, updated),
  publish,
  entityType: 'package',
  binding: {},
  parameters: [],
});

/** What entities are like behind their cache, on any store. `openStores` gives empty databases. */
export function entityStoreSuite(openStores: () => Promise<Stores>): void {
  let stores: Stores;
  let reads: string[];
  let changed: string[];
  let entities: CachedEntityStore;

  beforeEach(async () => {
    stores = await openStores();
    reads = [];
    changed = [];
    entities = new CachedEntityStore(counting(stores.whisks, reads), { onChange: (id) => void changed.push(id) });
  });
  afterEach(() => stores.close());

  it('leaves large code in the store until it is read, and does not write it again with a change of the rest', async () => {
    const MB = 1024 * 1024;
    const code = 'x'.repeat(2 * MB);
    await entities.putAction(action('large', code));
    for (const store of [entities, new CachedEntityStore(counting(stores.whisks, reads))]) {
      const found = await store.getActionWithCode('guest/large');
      assert.ok(found && found.exec.code instanceof LargeCode);
      assert.equal(found.exec.code.bytes, 2 * MB);
      assert.equal(Buffer.from((await found.exec.code.read()) ?? []).toString(), code);
      const stub = async () => (await stores.whisks.get('guest/large'))?.['_attachments'];
      const before = await stub();
      await store.putAction({ ...found, version: '0.0.9' });
      assert.deepEqual(await stub(), before);
      assert.equal((await found.exec.code.read())?.length, 2 * MB);
      entities.invalidate('guest/large');
    }
    const old = await entities.getActionWithCode('guest/large');
    assert.ok(old && old.exec.code instanceof LargeCode);
    assert.equal(old.version, '0.0.9');
    await entities.putAction({ ...old, exec: { ...old.exec, code: 'small' } });
    assert.equal(await old.exec.code.read(), undefined);
    assert.equal((await entities.getActionWithCode('guest/large'))?.exec.code, 'small');
  });

  describe('while the store does not answer', () => {
    let away: boolean;
    let clock: number;
    const reading = (maxStaleMs: number | undefined): CachedEntityStore => {
      const failing: Pick<ArtifactStore, 'get'> = {
        get: (id) => (away ? Promise.reject(new StoreUnavailableError('away')) : stores.whisks.get(id)),
      };
      return new CachedEntityStore(failing as ArtifactStore, { maxAgeMs: 10, maxStaleMs, now: () => clock });
    };
    beforeEach(async () => {
      [away, clock] = [false, 0];
      await entities.putAction(action('hello', 'function main() {}'));
    });

    for (const [maxStaleMs, name] of [
      [undefined, 'ten minutes'],
      [30_000, 'as long as it is told'],
    ] as const) {
      it(`knows what it knew before, for ${name}, and nothing else`, async () => {
        const known = reading(maxStaleMs);
        assert.ok(await known.getActionWithCode('guest/hello'));
        away = true;
        clock = maxStaleMs ?? 600_000;
        assert.ok(await known.getActionWithCode('guest/hello'));
        await assert.rejects(known.getActionWithCode('guest/other'), StoreUnavailableError);
        clock += 1;
        await assert.rejects(known.getActionWithCode('guest/hello'), StoreUnavailableError);
      });
    }

    it('knows the code in a document that it knew without it', async () => {
      const known = reading(undefined);
      assert.ok(await known.getAction('guest/hello'));
      away = true;
      clock = 600_000;
      assert.equal((await known.getActionWithCode('guest/hello'))?.exec.code, 'function main() {}');
      clock += 1;
      await assert.rejects(known.getActionWithCode('guest/hello'), StoreUnavailableError);
    });

    it('reads the cached action as the latest', async () => {
      const known = reading(undefined);
      assert.ok(await known.latest.getActionWithCode('guest/hello'));
      away = true;
      assert.ok(await known.latest.getActionWithCode('guest/hello'));
      assert.ok(await known.latest.getAction('guest/hello'));
      clock = 600_001;
      await assert.rejects(known.latest.getActionWithCode('guest/hello'), StoreUnavailableError);
    });

    it('knows nothing that is not fresh if it is told so', async () => {
      const known = reading(0);
      assert.ok(await known.getActionWithCode('guest/hello'));
      away = true;
      clock = 11;
      await assert.rejects(known.getActionWithCode('guest/hello'), StoreUnavailableError);
    });
  });

  describe('read as the latest', () => {
    let elsewhere: CachedEntityStore;

    beforeEach(async () => {
      elsewhere = new CachedEntityStore(stores.whisks);
      await entities.putAction(action('hello', 'old'));
      await entities.putPackage(pkg('tools', false));
      assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'old');
    });

    it('are as another process left them, before its message comes', async () => {
      const found = await elsewhere.getAction('guest/hello');
      await elsewhere.putAction({ ...action('hello', 'new'), _rev: found?._rev });
      assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'old', 'the cache has the change');
      const latest = await entities.latest.getActionWithCode('guest/hello');
      assert.equal(latest?.exec.code, 'new');
      assert.equal((await entities.latest.getAction('guest/hello'))?._rev, latest?._rev);
      // What was read is cached.
      assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'new');
    });

    it('are missing as soon as another process deleted them', async () => {
      for (const id of ['guest/hello', 'guest/tools']) {
        const { _rev = '' } = (await stores.whisks.get(id)) ?? {};
        assert.ok(await elsewhere.delete(id, _rev));
      }
      assert.equal(await entities.latest.getPackage('guest/tools'), undefined);
      assert.equal(await entities.latest.getActionWithCode('guest/hello'), undefined);
      assert.equal(await entities.getActionWithCode('guest/hello'), undefined);
      assert.equal(await entities.latest.getTrigger('guest/none'), undefined);
    });
  });

  it('stores an action and gives it back with and without its code, without asking the store again', async () => {
    const put = await entities.putAction(action('hello', 'function main() {}'));
    assert.match(put._rev ?? '', /^1-/);
    assert.deepEqual(await entities.getActionWithCode('guest/hello'), {
      ...action('hello', 'function main() {}'),
      _rev: put._rev,
    });
    const bare = await entities.getAction('guest/hello');
    assert.deepEqual(bare?.exec, { kind: 'nodejs:20', binary: false });
    assert.equal(await entities.getAction('guest/hello'), bare);
    assert.deepEqual(reads, []);
    assert.deepEqual(changed, ['guest/hello']);
  });

  it('keeps large code as an attachment of the same revision, never as a plain string', async () => {
    const code = `// ${'x'.repeat(20_000)}`;
    const put = await entities.putAction(action('big', code));
    assert.match(put._rev ?? '', /^1-/);
    const stored = JSON.stringify(await stores.whisks.get('guest/big'));
    assert.ok(stored.length < 2000);
    assert.match(stored, /"attachmentName":"couch:[0-9a-f-]{36}"/);
    assert.equal((await new CachedEntityStore(stores.whisks).getActionWithCode('guest/big'))?.exec.code, code);
    const updated = await entities.putAction({ ...put, exec: { kind: 'nodejs:20', code: `${code}2` } });
    assert.match(updated._rev ?? '', /^2-/);
    assert.equal((await new CachedEntityStore(stores.whisks).getActionWithCode('guest/big'))?.exec.code, `${code}2`);
  });

  it('reads code that is a plain string, and entities without a type', async () => {
    const { entityType: _, ...old } = action('old', 'plain');
    await stores.whisks.put(old);
    assert.equal((await entities.getActionWithCode('guest/old'))?.exec.code, 'plain');
    assert.equal((await entities.getAction('guest/old'))?.entityType, 'action');
  });

  it("reads a Java action's code from where old documents have it", async () => {
    const { exec: _, ...rest } = action('java', '');
    const jar = { attachmentName: 'jarfile', attachmentType: 'application/java-archive' };
    const revision = await stores.whisks.put({
      ...rest,
      exec: { kind: 'java:8', jar, binary: true, main: 'Main' },
    } as NewDocument);
    await attach(stores.whisks, 'guest/java', revision, 'jarfile', jar.attachmentType, Buffer.from('PK'));
    const { exec } = (await entities.getActionWithCode('guest/java')) ?? {};
    assert.deepEqual(exec, { kind: 'java:8', binary: true, main: 'Main', code: Buffer.from('PK').toString('base64') });
  });

  it('leaves damaged documents out of lists', async () => {
    const rule = { trigger: { path: 'guest', name: 't' }, action: { path: 'guest', name: 'a' }, entityType: 'rule' };
    await stores.whisks.put({ ...entity('good', 1), ...rule });
    await stores.whisks.put({ ...entity('bad', 2), ...rule, action: 7 } as NewDocument);
    const listed = await entities.list('rules', 'guest', { skip: 0, limit: 0 });
    assert.deepEqual(
      listed.map(({ name }) => name),
      ['good'],
    );
  });

  it('freezes the documents that it gives out, and ignores later changes of the documents that it took', async () => {
    const mine = action('hello', 'x');
    await entities.putAction(mine);
    mine.parameters.push({ key: 'late', value: 1 });
    const got = await entities.getAction('guest/hello');
    assert.equal(got?.parameters.length, 1);
    assert.throws(() => got.parameters.push({ key: 'b', value: 2 }), TypeError);
    assert.throws(() => (got.parameters[0]?.value as { b: number[] } | undefined)?.b.push(2), TypeError);
    const withCode = await entities.getActionWithCode('guest/hello');
    assert.throws(() => Object.assign(withCode?.exec ?? {}, { code: 'other' }), TypeError);
  });

  it('refuses a stale revision, and then knows the newest', async () => {
    const first = await entities.putAction(action('hello', 'one'));
    const second = await stores.whisks.put({ ...action('hello', 'two'), _rev: first._rev });
    await assert.rejects(
      entities.putAction({ ...first, exec: { kind: 'nodejs:20', code: 'three' } }),
      DocumentConflictError,
    );
    assert.equal((await entities.getActionWithCode('guest/hello'))?._rev, second);
    await assert.rejects(entities.putAction(action('hello', 'four')), DocumentConflictError);
  });

  it('shows changes of others after a notice', async () => {
    const first = await entities.putAction(action('hello', 'one'));
    await stores.whisks.put({ ...action('hello', 'two'), _rev: first._rev });
    assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'one');
    entities.invalidate('guest/hello');
    assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'two');
    assert.deepEqual(reads, ['guest/hello']);
  });

  it('gives an invoker the revision it names, from the cache if that is it, else the newest', async () => {
    const first = await entities.putAction(action('hello', 'one'));
    const invoker = new CachedEntityStore(counting(stores.whisks, reads));
    const got = await invoker.getActionWithCode('guest/hello', first._rev);
    assert.equal(got?.exec.code, 'one');
    assert.equal(await invoker.getActionWithCode('guest/hello', first._rev), got);
    assert.equal(reads.length, 1);
    const second = await entities.putAction({ ...first, exec: { kind: 'nodejs:20', code: 'two' } });
    assert.equal((await invoker.getActionWithCode('guest/hello', second._rev))?.exec.code, 'two');
    assert.equal(reads.length, 2);
    assert.equal((await invoker.getActionWithCode('guest/hello', first._rev))?.exec.code, 'two');
    assert.equal((await invoker.getActionWithCode('guest/hello', null))?.exec.code, 'two');
    assert.equal(reads.length, 4);
    await entities.delete('guest/hello', second._rev ?? '');
    assert.equal(await invoker.getActionWithCode('guest/hello', null), undefined);
  });

  it('shares one read of the store between concurrent requests', async () => {
    await stores.whisks.put(action('hello', 'x'));
    await Promise.all([1, 2, 3].map(() => entities.getActionWithCode('guest/hello')));
    assert.deepEqual(reads, ['guest/hello']);
  });

  it('waits for an attachment that is still on its way', async () => {
    const exec = {
      kind: 'nodejs:20',
      code: { attachmentName: 'couch:late', attachmentType: 'text/plain' },
      binary: false,
    };
    const revision = await stores.whisks.put({ ...action('late', ''), exec } as NewDocument);
    const reading = entities.getActionWithCode('guest/late');
    await new Promise((resolve) => setTimeout(resolve, 30));
    await attach(stores.whisks, 'guest/late', revision, 'late', 'text/plain', Buffer.from('here'));
    assert.equal((await reading)?.exec.code, 'here');
  });

  it('distinguishes a document of another type from a damaged one', async () => {
    await entities.putPackage(pkg('p', false));
    await assert.rejects(entities.getAction('guest/p'), WrongEntityTypeError);
    await assert.rejects(entities.getActionWithCode('guest/p'), WrongEntityTypeError);
    assert.equal((await entities.getPackage('guest/p'))?.name, 'p');
    await stores.whisks.put({ _id: 'guest/bad', entityType: 'action', name: 7 } as NewDocument);
    await assert.rejects(entities.getAction('guest/bad'), (error: Error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.message, /^document guest\/bad is damaged: /);
      return true;
    });
  });

  it('deletes', async () => {
    const put = await entities.putAction(action('hello', 'x'));
    assert.equal(await entities.delete('guest/hello', put._rev ?? ''), true);
    assert.equal(await entities.getAction('guest/hello'), undefined);
    assert.equal(await entities.delete('guest/hello', put._rev ?? ''), false);
    await entities.putAction(action('hello', 'y'));
    assert.equal((await entities.getActionWithCode('guest/hello'))?.exec.code, 'y');
  });

  it('lists and counts each collection, newest first', async () => {
    await entities.putPackage(pkg('p', true, 1));
    await entities.putAction(action('p/inner', 'x', 2));
    await entities.putAction(action('outer', 'x', 3));
    const trigger: TriggerDocument = { ...entity('t', 4), entityType: 'trigger', parameters: [], limits: {} };
    await entities.putTrigger(trigger);
    const rule: RuleDocument = {
      ...entity('r', 5),
      entityType: 'rule',
      trigger: { path: 'guest', name: 't' },
      action: { path: 'guest', name: 'outer' },
    };
    await entities.putRule(rule);
    await entities.putPackage({ ...pkg('q', true, 9), _id: 'other/q', namespace: 'other' });

    const names = async (collection: 'actions' | 'packages' | 'triggers' | 'rules', path = 'guest', limit = 0) =>
      (await entities.list(collection, path, { skip: 0, limit })).map(({ name }) => name);
    assert.deepEqual(await names('actions'), ['outer', 'inner']);
    assert.deepEqual(await names('actions', 'guest', 1), ['outer']);
    assert.deepEqual(await names('actions', 'guest/p'), ['inner']);
    assert.deepEqual(await names('packages'), ['p']);
    assert.deepEqual(await names('triggers'), ['t']);
    assert.deepEqual(await entities.list('rules', 'guest', { skip: 0, limit: 0 }), [
      {
        namespace: 'guest',
        name: 'r',
        version: '0.0.1',
        publish: false,
        annotations: [],
        trigger: { path: 'guest', name: 't' },
        action: { path: 'guest', name: 'outer' },
        updated: 5,
      },
    ]);
    assert.equal(await entities.count('actions', 'guest', 0), 2);
    assert.equal(await entities.count('actions', 'guest', 1), 1);
    const published = await entities.listPublicPackages(undefined, { skip: 0, limit: 0 });
    assert.deepEqual(
      published.map(({ name }) => name),
      ['q', 'p'],
    );
    assert.equal((await entities.listPublicPackages(undefined, { skip: 1, limit: 1 }))[0]?.['name'], 'p');
    assert.equal((await entities.listPublicPackages('other', { skip: 0, limit: 5 }))[0]?.['name'], 'q');
    assert.equal(await entities.countPublicPackages(undefined, 0), 2);
    assert.equal(await entities.countPublicPackages('guest', 0), 1);
  });
}

/** The same store, which notes the ids that are read. */
function counting(store: ArtifactStore, reads: string[]): ArtifactStore {
  return {
    get: (id) => {
      reads.push(id);
      return store.get(id);
    },
    put: (document, attachment) => store.put(document, attachment),
    putMany: (documents) => store.putMany(documents),
    delete: (id, revision) => store.delete(id, revision),
    deleteMany: (ids) => store.deleteMany(ids),
    query: (view, query) => store.query(view, query),
    count: (view, query) => store.count(view, query),
    listDocuments: (after, limit) => store.listDocuments(after, limit),
    readAttachment: (id, name) => store.readAttachment(id, name),
    close: () => store.close(),
  };
}
