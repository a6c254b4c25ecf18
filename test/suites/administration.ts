import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { AdminError } from '../../deploy/commands/admin/AdminError.js';
import { isDataCommand } from '../../deploy/commands/admin/folders.js';
import { parseCommandLine } from '../../deploy/commands/admin/commandLine.js';
import { run } from '../../deploy/commands/admin/run.js';
import type { NewDocument, Stores } from '../../shared/store/ArtifactStore.js';
import { SubjectStore } from '../../shared/store/SubjectStore.js';

const KEY = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[A-Za-z0-9]{64}$/;

/** What the administrator's commands do, on any store. Each test has users and namespaces of its own. */
export function administrationSuite(open: () => Promise<Stores>): void {
  let stores: Stores;
  let user: string;
  let now = Date.now();
  before(async () => {
    stores = await open();
  });
  after(() => stores.close());
  beforeEach(() => {
    user = `user-${randomUUID()}`;
  });

  async function admin(...args: string[]): Promise<string[]> {
    const { command } = parseCommandLine(args);
    assert.ok(command.verb !== 'help' && command.verb !== 'trace run' && !isDataCommand(command));
    const lines: string[] = [];
    for await (const line of run(command, stores, now)) lines.push(line);
    return lines;
  }
  const fails = (message: RegExp, ...args: string[]): Promise<void> =>
    assert.rejects(admin(...args), (error: Error) => {
      assert.ok(error instanceof AdminError, error.stack);
      assert.match(error.message, message);
      return true;
    });
  const identity = (key: string) => {
    const [uuid = '', secret = ''] = key.split(':');
    return new SubjectStore(stores.subjects).identityByKey(uuid, secret);
  };

  it('makes a user, whose key then works, and tells who that is', async () => {
    const [key = ''] = await admin('user', 'create', user);
    assert.match(key, KEY);
    assert.equal((await identity(key))?.namespace.name, user);
    assert.deepEqual(await admin('user', 'get', user), [key]);
    assert.deepEqual(await admin('user', 'whois', key), [`subject: ${user}`, `namespace: ${user}`]);
    assert.deepEqual(await stores.subjects.get(user).then((d) => ({ ...d, _rev: '' })), {
      _id: user,
      _rev: '',
      subject: user,
      namespaces: [{ name: user, uuid: key.split(':')[0], key: key.split(':')[1] }],
    });
  });

  it('takes a key that is given, and keeps quiet if it is told', async () => {
    const key = `${randomUUID()}:${'k'.repeat(64)}`;
    assert.deepEqual(await admin('user', 'create', user, '-u', key, '-s'), []);
    assert.deepEqual(await admin('user', 'get', user), [key]);
    await fails(/not a valid UUID/, 'user', 'create', `${user}2`, '-u', `x:${'k'.repeat(64)}`);
    await fails(/64 characters/, 'user', 'create', `${user}2`, '-u', `${randomUUID()}:short`);
  });

  it('refuses names that are too short, and existing users', async () => {
    await fails(/at least 5 characters/, 'user', 'create', 'me');
    await admin('user', 'create', user);
    await fails(/Namespace already exists/, 'user', 'create', user);
    await fails(/no "\/" in its name/, 'user', 'create', `${user}/limits`);
  });

  it('refuses names that no namespace can have, keys that no client can send, and numbers that cannot be stored', async () => {
    for (const wrong of ['_users', 'new\nline', 'u'.repeat(257)]) {
      await fails(/Subject name|name of a subject|control characters/, 'user', 'create', wrong, '-ns', user);
    }
    await fails(/cannot name a namespace/, 'user', 'create', user, '-ns', 'a/limits');
    await fails(/cannot name a namespace/, 'user', 'create', `${user}+x`);
    await admin('user', 'create', user);
    await fails(/cannot name a namespace/, 'user', 'grant', user, 'sp'.repeat(200));
    await fails(/visible ASCII/, 'user', 'create', `${user}2`, '-u', `${randomUUID()}:${'é'.repeat(64)}`);
    await fails(/whole number up to/, 'limits', 'set', user, '--invocationsPerMinute', '9'.repeat(400));
    await fails(/cannot name a namespace/, 'limits', 'set', '../x', '--invocationsPerMinute', '1');
  });

  it('replaces a key', async () => {
    const [old = ''] = await admin('user', 'create', user);
    const [key = ''] = await admin('user', 'create', user, '-r');
    assert.notEqual(key, old);
    assert.equal(await identity(old), undefined);
    assert.equal((await identity(key))?.subject, user);
  });

  it('gives keys to other namespaces and takes them away', async () => {
    const space = `space-${user}`;
    const [own] = await admin('user', 'create', user);
    const [key = ''] = await admin('user', 'create', user, '-ns', space);
    assert.deepEqual(await admin('user', 'get', user, '-ns', space), [key]);
    assert.deepEqual(await admin('user', 'get', user, '-a'), [`${user}\t${own}`, `${space}\t${key}`]);
    await admin('user', 'create', `${user}-b`);
    const [granted = ''] = await admin('user', 'grant', `${user}-b`, space);
    assert.deepEqual(
      (await admin('user', 'list', space, '-a')).toSorted(),
      [`${key}\t${user}`, `${granted}\t${user}-b`].toSorted(),
    );
    assert.equal((await admin('user', 'list', space)).length, 1);
    assert.match((await admin('user', 'list', space, '-k'))[0] ?? '', KEY);
    assert.deepEqual(await admin('user', 'revoke', `${user}-b`, space), ['Namespace deleted']);
    assert.equal(await identity(granted), undefined);
    assert.deepEqual(await admin('user', 'delete', user, '-ns', space), ['Namespace deleted']);
    assert.deepEqual(await admin('user', 'list', space), [`no identities found for namespace "${space}"`]);
    await fails(/does not exist for/, 'user', 'revoke', user, space);
    await fails(/not found for/, 'user', 'get', user, '-ns', space);
    await fails(/does not exist/, 'user', 'grant', `${user}-c`, space);
  });

  it('blocks and unblocks, and goes on if one of several is missing', async () => {
    const [key = ''] = await admin('user', 'create', user);
    await fails(/"missing-user" does not exist/, 'user', 'block', 'missing-user', user);
    assert.equal(await identity(key), undefined);
    assert.deepEqual(await admin('user', 'whois', key), ['Subject id is not recognized']);
    await fails(/is blocked/, 'user', 'create', user, '-ns', 'other');
    assert.deepEqual(await admin('user', 'unblock', user), [`"${user}" unblocked successfully`]);
    assert.equal((await identity(key))?.subject, user);
  });

  it('refuses limits of a namespace that no user has a key to, unless it is forced to', async () => {
    await fails(/no user has a key to the namespace/, 'limits', 'set', user, '--firesPerMinute', '1');
    assert.deepEqual(await admin('limits', 'get', user), ['No limits found, default system limits apply']);
    await admin('limits', 'set', user, '--force', '--firesPerMinute', '1');
    assert.deepEqual(await admin('limits', 'get', user), ['firesPerMinute = 1']);
    await admin('user', 'create', `${user}-b`);
    await admin('user', 'block', `${user}-b`);
    await admin('limits', 'set', `${user}-b`, '--firesPerMinute', '1');
  });

  it('ignores empty names when it blocks several users', async () => {
    await admin('user', 'create', user);
    assert.deepEqual(await admin('user', 'block', user, '', ' '), [`"${user}" blocked successfully`]);
  });

  it('rotates a key: both keys are valid until the rotation is finished', async () => {
    const [old = ''] = await admin('user', 'create', user);
    const [fresh = ''] = await admin('user', 'rotate', user);
    assert.match(fresh, KEY);
    assert.notEqual(fresh, old);
    for (const key of [old, fresh]) assert.equal((await identity(key))?.namespace.name, user);
    // One UUID: the same rates for both keys.
    assert.equal((await identity(old))?.namespace.uuid, (await identity(fresh))?.namespace.uuid);
    assert.deepEqual(await admin('user', 'get', user), [fresh]);
    await fails(/two keys are valid already/, 'user', 'rotate', user);
    assert.deepEqual(await admin('user', 'rotate', user, '--finish'), ['The old key is not valid any more']);
    assert.equal(await identity(old), undefined);
    assert.equal((await identity(fresh))?.subject, user);
    await fails(/no second key/, 'user', 'rotate', user, '--finish');
    await fails(/not found for/, 'user', 'rotate', user, '-ns', 'elsewhere');
  });

  it('lists all users without their keys', async () => {
    const [key = ''] = await admin('user', 'create', user);
    await admin('user', 'create', user, '-ns', `${user}-space`);
    await admin('user', 'create', `${user}-b`);
    await admin('user', 'block', `${user}-b`);
    const lines = await admin('users', 'list');
    assert.ok(lines.includes(`${user}\t${user}, ${user}-space`), lines.join('\n'));
    assert.ok(lines.includes(`${user}-b\t${user}-b\tblocked`));
    assert.ok(!lines.join('').includes(key.split(':')[1] ?? ''));
    const listed = (await admin('users', 'list', '--json')).map((line) => JSON.parse(line) as { subject: string });
    assert.deepEqual(
      listed.find(({ subject }) => subject === user),
      { subject: user, namespaces: [user, `${user}-space`], blocked: false },
    );
  });

  it('prints JSON for programs', async () => {
    const [key = ''] = await admin('user', 'create', user);
    const json = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await admin(...args, '--json'))[0] ?? '') as unknown;
    assert.deepEqual(await json('user', 'get', user), [{ namespace: user, key }]);
    assert.deepEqual(await json('user', 'list', user), [{ subject: user, key }]);
    assert.deepEqual(await json('user', 'whois', key), { subject: user, namespace: user });
    assert.deepEqual(await json('limits', 'get', user), {});
  });

  it('deletes', async () => {
    const [key = ''] = await admin('user', 'create', user);
    assert.deepEqual(await admin('user', 'delete', user), ['Subject deleted']);
    assert.equal(await identity(key), undefined);
    await fails(/does not exist/, 'user', 'delete', user);
    await fails(/does not exist/, 'user', 'get', user);
  });

  it('sets, shows and deletes the limits of a namespace', async () => {
    const [key = ''] = await admin('user', 'create', user);
    assert.deepEqual(await admin('limits', 'get', user), ['No limits found, default system limits apply']);
    const set = ['limits', 'set', user];
    assert.deepEqual(await admin(...set, '--invocationsPerMinute', '3', '--allowedKinds', 'nodejs:20', 'python:3'), [
      `Limits successfully set for "${user}"`,
    ]);
    await admin(...set, '--storeActivations', 'false', '--concurrentInvocations', '0');
    await admin(...set, '--colorPolicy', 'least-assigned');
    assert.deepEqual(await admin('limits', 'get', user), [
      'invocationsPerMinute = 3',
      'concurrentInvocations = 0',
      "allowedKinds = ['nodejs:20', 'python:3']",
      'storeActivations = False',
      'colorPolicy = least-assigned',
    ]);
    assert.deepEqual(JSON.parse((await admin('limits', 'get', user, '--json'))[0] ?? ''), {
      invocationsPerMinute: 3,
      concurrentInvocations: 0,
      allowedKinds: ['nodejs:20', 'python:3'],
      storeActivations: false,
      colorPolicy: 'least-assigned',
    });
    assert.deepEqual((await identity(key))?.limits, {
      invocationsPerMinute: 3,
      concurrentInvocations: 0,
      allowedKinds: ['nodejs:20', 'python:3'],
      storeActivations: false,
      colorPolicy: 'least-assigned',
    });
    assert.deepEqual(await admin('limits', 'delete', user), ['Limits deleted']);
    await fails(/has no limits/, 'limits', 'delete', user);
  });

  it('prints a database and its views as JSON', async () => {
    await admin('user', 'create', user);
    interface Dump {
      rows: { id: string; key: unknown; value: unknown; doc?: { subject: string } }[];
    }
    const dump = async (...args: string[]) => JSON.parse((await admin('db', 'get', ...args)).join('\n')) as Dump;
    const plain = (await dump('subjects')).rows.find(({ id }) => id === user);
    assert.equal(plain?.key, user);
    assert.equal(plain.doc, undefined);
    const docs = (await dump('subjects', '--docs')).rows;
    assert.equal(docs.find(({ id }) => id === user)?.doc?.subject, user);
    assert.ok(docs.every(({ id }) => !id.startsWith('_design/')));
    const view = (await dump('subjects', '-w', 'subjects.v2.0.0/identities')).rows.filter(({ id }) => id === user);
    assert.equal(view.length, 2);
    assert.deepEqual((await dump('whisks', '-w', 'whisks.v2.1.0/actions')).rows, []);
    await fails(/whisks has no view "x": it has whisks.v2.1.0\/actions, /, 'db', 'get', 'whisks', '-w', 'x');
  });

  it('deletes old activations, of one namespace or of all, and continues after a stop', async () => {
    const day = 86_400_000;
    now = Date.now();
    const record = (namespace: string, age: number): NewDocument & { activationId: string } => {
      const activationId = randomUUID().replaceAll('-', '');
      const fields = { namespace, name: 'n', start: now - age * day, end: now, annotations: [] };
      return { _id: `${namespace}/${activationId}`, activationId, ...fields };
    };
    const other = `${user}-other`;
    const [old, young, foreign] = [record(user, 31), record(user, 29), record(other, 31)];
    await stores.activations.putMany([old, young, foreign]);
    const left = async (): Promise<boolean[]> =>
      Promise.all([old, young, foreign].map(async ({ _id }) => (await stores.activations.get(_id)) !== undefined));
    const lines = await admin('activations', 'prune', '--older-than', '30d', '-ns', user);
    assert.equal(lines.at(-1), `deleted 1 activations of ${user}`);
    assert.deepEqual(await left(), [false, true, true]);
    await admin('activations', 'prune', '--older-than', '30d');
    assert.deepEqual(await left(), [false, true, false]);
    assert.equal(await stores.activations.deleteMany([old._id, young._id, young._id]), 1);
    await fails(/--older-than takes an age/, 'activations', 'prune', '--older-than', 'long');
  });
}
