import assert from 'node:assert/strict';
import { actionKeySecret, withActionKeys } from '../../../../controller/authentication/actionKeys.js';
import { installUsers, subject, WELL_KNOWN_USERS } from '../../../../deploy/standalone/users.js';
import type { Stores } from '../../../../shared/store/ArtifactStore.js';
import type { AuthStore } from '../../../../shared/store/AuthStore.js';
import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';
import { SubjectStore } from '../../../../shared/store/SubjectStore.js';

const ALICE = `11111111-1111-4111-8111-111111111111:${'A'.repeat(64)}`;
const split = (key: string): [string, string] => [key.slice(0, 36), key.slice(37)];

describe('the keys of actions', () => {
  let stores: Stores;
  const open = (): AuthStore =>
    withActionKeys(new SubjectStore(stores.subjects), () => actionKeySecret(stores.subjects));
  const keyOf = async (store: AuthStore, key: string) =>
    (await store.identityByKey(...split(key)))?.authkey['api_key'] as string | undefined;

  beforeEach(async () => {
    stores = await openTemporaryStores();
    await installUsers(stores.subjects, [subject('alice', ALICE)]);
  });
  afterEach(() => stores.close());

  it('are not those that everybody knows, and find the same identity', async () => {
    const store = open();
    for (const [name, wellKnown] of Object.entries(WELL_KNOWN_USERS)) {
      const key = (await keyOf(store, wellKnown)) ?? '';
      assert.match(key, /^[0-9a-f-]{36}:[0-9a-f]{64}$/);
      assert.notEqual(key, wellKnown);
      assert.equal(key.slice(0, 36), wellKnown.slice(0, 36));
      const identity = await store.identityByKey(...split(key));
      assert.equal(identity?.namespace.name, name);
      assert.equal(identity.authkey['api_key'], key);
      assert.equal((await store.identityByNamespace(name))?.authkey['api_key'], key);
    }
  });

  it('are the same for every controller and after a restart, and others elsewhere', async () => {
    const keys = await Promise.all([open(), open()].map((store) => keyOf(store, WELL_KNOWN_USERS.guest)));
    assert.equal(keys[0], keys[1]);
    assert.equal(await keyOf(open(), WELL_KNOWN_USERS.guest), keys[0]);
    const others = await openTemporaryStores();
    assert.notEqual(await actionKeySecret(others.subjects), await actionKeySecret(stores.subjects));
    await others.close();
  });

  it('keep a secret key unchanged, and write nothing for it', async () => {
    assert.equal(await keyOf(open(), ALICE), ALICE);
    assert.equal(await stores.subjects.get('palette-whisk:action-keys'), undefined);
  });

  it('end with the key that they stand for', async () => {
    const key = (await keyOf(open(), WELL_KNOWN_USERS.guest)) ?? '';
    const guest = await stores.subjects.get('guest');
    await stores.subjects.put({ ...subject('guest', ALICE.replace('1111', '2222')), _rev: guest?._rev });
    assert.equal(await keyOf(open(), key), undefined);
    assert.equal(await keyOf(open(), WELL_KNOWN_USERS.guest), undefined);
  });

  it('ask again for a secret that could not be read', async () => {
    let fails = true;
    const store = withActionKeys(new SubjectStore(stores.subjects), async () => {
      if (fails) throw new Error('away');
      return 's'.repeat(32);
    });
    await assert.rejects(keyOf(store, WELL_KNOWN_USERS.guest), /away/);
    fails = false;
    assert.ok(await keyOf(store, WELL_KNOWN_USERS.guest));
  });
});
