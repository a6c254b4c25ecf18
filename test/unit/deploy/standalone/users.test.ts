import assert from 'node:assert/strict';
import * as users from '../../../../deploy/commands/admin/users.js';
import { installUsers, subject, WELL_KNOWN_USERS } from '../../../../deploy/standalone/users.js';
import type { Stores } from '../../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';

const key = (digit: string) => `11111111-1111-4111-8111-${digit.repeat(12)}:${digit.repeat(64)}`;
const FILE = ['1', '2', '3'].map((digit) => subject(`user${digit}`, key(digit)));

describe('the users of a file, and those that everybody knows', () => {
  let stores: Stores;
  beforeEach(async () => {
    stores = await openTemporaryStores();
    assert.deepEqual(await installUsers(stores.subjects, FILE), []);
  });
  afterEach(() => stores.close());
  const restart = (file = FILE): Promise<string[]> => installUsers(stores.subjects, file);

  it('are made at the first start, and left alone at the next one', async () => {
    const before = await stores.subjects.get('user1');
    assert.deepEqual(await restart(), []);
    assert.deepEqual(await stores.subjects.get('user1'), before);
    assert.deepEqual(await users.getUser(stores.subjects, 'guest', { all: false, json: false }), [
      WELL_KNOWN_USERS.guest,
    ]);
  });

  it('stay deleted, blocked and with a new key, as the administrator left them', async () => {
    await users.deleteUser(stores.subjects, 'user1');
    await users.setBlocked(stores.subjects, 'user2', true);
    const rotated = { namespace: undefined, key: users.generateKey(), replace: true };
    await users.createUser(stores.subjects, 'user3', rotated);
    await users.deleteUser(stores.subjects, 'guest');
    await users.setBlocked(stores.subjects, 'whisk.system', true);
    for (let start = 0; start < 2; start++) {
      assert.deepEqual(await restart(), ['user1', 'user2', 'user3']);
      assert.equal(await stores.subjects.get('user1'), undefined);
      assert.equal(await stores.subjects.get('guest'), undefined);
      for (const name of ['user2', 'whisk.system']) {
        assert.equal(((await stores.subjects.get(name)) as { blocked?: boolean } | undefined)?.blocked, true);
      }
      assert.deepEqual(await users.getUser(stores.subjects, 'user3', { all: false, json: false }), [
        users.printed(rotated.key),
      ]);
    }
  });

  it('are not brought back by a file that names them for the first time after they were deleted', async () => {
    await users.createUser(stores.subjects, 'later', {
      namespace: undefined,
      key: users.generateKey(),
      replace: false,
    });
    await users.deleteUser(stores.subjects, 'later');
    assert.deepEqual(await restart([...FILE, subject('later', key('4'))]), ['later']);
    assert.equal(await stores.subjects.get('later'), undefined);
  });

  it('keep their keys if the file has other keys: administration changes them', async () => {
    assert.deepEqual(await restart([subject('user1', key('9'))]), ['user1']);
    assert.deepEqual(await users.getUser(stores.subjects, 'user1', { all: false, json: false }), [key('1')]);
  });

  it('may be made again by the administrator after they were deleted', async () => {
    await users.deleteUser(stores.subjects, 'user1');
    const made = { namespace: undefined, key: users.generateKey(), replace: false };
    await users.createUser(stores.subjects, 'user1', made);
    await restart();
    assert.deepEqual(await users.getUser(stores.subjects, 'user1', { all: false, json: false }), [
      users.printed(made.key),
    ]);
  });
});
