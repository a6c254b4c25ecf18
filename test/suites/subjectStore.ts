import assert from 'node:assert/strict';
import {
  StoreError,
  StoreUnavailableError,
  type ArtifactStore,
  type NewDocument,
  type Stores,
} from '../../shared/store/ArtifactStore.js';
import { SubjectStore } from '../../shared/store/SubjectStore.js';

const [U1, U2] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const [K1, K2] = ['A'.repeat(64), 'B'.repeat(64)];

/** Who may call, on any store. `openStores` gives empty databases. */
export function subjectStoreSuite(openStores: () => Promise<Stores>): void {
  let stores: Stores;
  let clock: number;
  let queries: number;
  let subjects: SubjectStore;

  beforeEach(async () => {
    stores = await openStores();
    clock = 0;
    queries = 0;
    const counting: Pick<ArtifactStore, 'query'> = {
      query: (view, query) => {
        queries++;
        return stores.subjects.query(view, query);
      },
    };
    subjects = new SubjectStore(counting as ArtifactStore, { maxAgeMs: 10_000, now: () => clock });
    await put({
      _id: 'two',
      subject: 'two',
      namespaces: [
        { name: 'two', uuid: U1, key: K1 },
        { name: 'two_dev', uuid: U2, key: K2 },
      ],
    });
  });
  afterEach(() => stores.close());

  describe('while the store does not answer', () => {
    let failure: Error | undefined;
    beforeEach(() => {
      failure = undefined;
      const failing: Pick<ArtifactStore, 'query'> = {
        query: (view, query) => (failure ? Promise.reject(failure) : stores.subjects.query(view, query)),
      };
      subjects = new SubjectStore(failing as ArtifactStore, { maxAgeMs: 10, maxStaleMs: 600_000, now: () => clock });
    });

    it('knows the identities that it has read for ten minutes, and no others', async () => {
      assert.ok(await subjects.identityByKey(U1, K1));
      failure = new StoreUnavailableError('away');
      clock = 600_000;
      assert.ok(await subjects.identityByKey(U1, K1));
      await assert.rejects(subjects.identityByKey(U2, K2), StoreUnavailableError);
      await assert.rejects(subjects.identityByKey(U1, K2), StoreUnavailableError);
      clock = 600_001;
      await assert.rejects(subjects.identityByKey(U1, K1), StoreUnavailableError);
    });

    it('refuses a blocked user as soon as it answers again', async () => {
      assert.ok(await subjects.identityByKey(U1, K1));
      failure = new StoreUnavailableError('away');
      clock = 1000;
      assert.ok(await subjects.identityByKey(U1, K1));
      const subject = await stores.subjects.get('two');
      await put({ ...subject, _id: 'two', blocked: true });
      failure = undefined;
      assert.equal(await subjects.identityByKey(U1, K1), undefined);
    });

    it('does not hide any other failure', async () => {
      assert.ok(await subjects.identityByKey(U1, K1));
      failure = new StoreError('damaged');
      clock = 1000;
      await assert.rejects(subjects.identityByKey(U1, K1), { message: 'damaged' });
    });
  });

  const put = (document: NewDocument & Record<string, unknown>): Promise<string> => stores.subjects.put(document);

  it('knows the subject, namespace and rights of a key, as activation messages carry them', async () => {
    assert.deepEqual(await subjects.identityByKey(U2, K2), {
      subject: 'two',
      namespace: { name: 'two_dev', uuid: U2 },
      authkey: { api_key: `${U2}:${K2}` },
      rights: ['READ', 'PUT', 'DELETE', 'ACTIVATE'],
      limits: {},
    });
  });

  it('refuses a wrong key, half a key and an unknown one', async () => {
    assert.equal(await subjects.identityByKey(U1, K2), undefined);
    assert.equal(await subjects.identityByKey(U1, ''), undefined);
    assert.equal(await subjects.identityByKey(U1, K1.slice(1)), undefined);
    assert.equal(await subjects.identityByKey('33333333-3333-4333-8333-333333333333', K1), undefined);
    assert.equal(await subjects.identityByKey('two', ''), undefined);
  });

  it("adds the namespace's limits, and only these", async () => {
    await put({
      _id: 'two/limits',
      invocationsPerMinute: 3,
      allowedKinds: ['nodejs:20'],
      storeActivations: false,
      odd: 1,
    });
    const limits = { invocationsPerMinute: 3, allowedKinds: ['nodejs:20'], storeActivations: false };
    assert.deepEqual((await subjects.identityByKey(U1, K1))?.limits, limits);
    assert.deepEqual((await subjects.identityByNamespace('two'))?.limits, limits);
    assert.deepEqual((await subjects.identityByNamespace('two_dev'))?.limits, {});
  });

  it('takes limits that cannot be read for none', async () => {
    await put({ _id: 'two/limits', invocationsPerMinute: 'many' });
    assert.deepEqual((await subjects.identityByKey(U1, K1))?.limits, {});
  });

  // Read so by Apache OpenWhisk's controller from the same documents.
  for (const odd of [
    { maxPayloadSize: '2048' },
    { maxPayloadSize: 2048 },
    { maxParameterSize: '  1 kb' },
    { minActionMemory: -1 },
    { maxActionMemory: '256 MB' },
    { maxActionTimeout: 1.5 },
    { minActionLogs: true },
  ]) {
    it(`takes all limits for none if one of them is ${JSON.stringify(odd)}`, async () => {
      await put({ _id: 'two/limits', invocationsPerMinute: 3, ...odd });
      assert.deepEqual((await subjects.identityByKey(U1, K1))?.limits, {});
    });
  }

  it('writes sizes as OpenWhisk does', async () => {
    await put({ _id: 'two/limits', maxParameterSize: '1kb', maxPayloadSize: '2 G', truncationSize: ' 7b ' });
    const limits = { maxParameterSize: '1 KB', maxPayloadSize: '2 GB', truncationSize: '7 B' };
    assert.deepEqual((await subjects.identityByKey(U1, K1))?.limits, limits);
  });

  it('takes a limit that is null for one that is not set', async () => {
    await put({ _id: 'two/limits', invocationsPerMinute: 3, maxActionMemory: null, allowedKinds: null });
    assert.deepEqual((await subjects.identityByKey(U1, K1))?.limits, { invocationsPerMinute: 3 });
  });

  it('finds an identity by the name of its namespace', async () => {
    assert.equal((await subjects.identityByNamespace('two_dev'))?.subject, 'two');
    assert.equal(await subjects.identityByNamespace('nobody'), undefined);
    assert.equal(await subjects.identityByNamespace(U1), undefined);
  });

  it('is not confused by a namespace that is named like a uuid', async () => {
    await put({ _id: 'odd', subject: 'odd', namespaces: [{ name: U1, uuid: U2, key: K1 }] });
    assert.equal((await subjects.identityByKey(U1, K1))?.subject, 'two');
    assert.equal((await subjects.identityByKey(U2, K1))?.subject, 'odd');
    assert.equal((await subjects.identityByKey(U2, K2))?.subject, 'two');
  });

  it('fails if two subjects have the very same key', async () => {
    await put({ _id: 'twin', subject: 'twin', namespaces: [{ name: 'twin', uuid: U1, key: K1 }] });
    await assert.rejects(subjects.identityByKey(U1, K1), /not unique/);
  });

  it('has no identity of a blocked subject, and tells which namespaces may not run anything', async () => {
    await put({ _id: 'bad', subject: 'bad', blocked: true, namespaces: [{ name: 'bad', uuid: 'u', key: 'k' }] });
    await put({ _id: 'zero/limits', concurrentInvocations: 0 });
    await put({ _id: 'some/limits', concurrentInvocations: 1 });
    assert.equal(await subjects.identityByKey('u', 'k'), undefined);
    assert.equal(await subjects.identityByNamespace('bad'), undefined);
    assert.deepEqual([...(await subjects.blockedNamespaces())].toSorted(), ['bad', 'zero']);
  });

  it('asks the store once for an identity, and again when it is old', async () => {
    const first = await subjects.identityByKey(U1, K1);
    assert.equal(await subjects.identityByKey(U1, K1), first);
    assert.equal(queries, 1);
    clock = 10_001;
    await put({ _id: 'two/limits', invocationsPerMinute: 1 });
    assert.equal((await subjects.identityByKey(U1, K1))?.limits.invocationsPerMinute, 1);
    assert.equal(queries, 2);
  });

  it('looks for a new key of a known uuid, but not at every wrong one', async () => {
    await subjects.identityByKey(U1, K1);
    const document = await stores.subjects.get('two');
    await put({ ...document, _id: 'two', namespaces: [{ name: 'two', uuid: U1, key: K2 }] });
    assert.equal(await subjects.identityByKey(U1, K2), undefined);
    assert.equal(queries, 1);
    clock = 1000;
    assert.equal((await subjects.identityByKey(U1, K2))?.subject, 'two');
    assert.equal(queries, 2);
    for (let i = 0; i < 5; i++) assert.equal(await subjects.identityByKey(U1, K1), undefined);
    assert.equal(queries, 2);
  });
}
