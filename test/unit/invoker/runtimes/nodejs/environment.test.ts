import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ActionEnvironment } from '../../../../../invoker/runtimes/nodejs/environment.js';

describe('the environment of an action', () => {
  const names = ['__OW_OBJECTS_URL', '__OW_OBJECTS_TOKEN', '__OW_ACTION_NAME'];
  afterEach(() => {
    for (const name of names) delete process.env[name];
  });

  it('has the variables of objects, and does not list them', () => {
    const environment = new ActionEnvironment(process.env).seen;
    for (const name of names) environment[name] = name;
    assert.deepEqual(
      Object.keys(environment).filter((key) => key.startsWith('__OW_')),
      ['__OW_ACTION_NAME'],
    );
    assert.ok(!('__OW_OBJECTS_TOKEN' in { ...environment }));
    assert.equal(environment['__OW_OBJECTS_TOKEN'], '__OW_OBJECTS_TOKEN');
    assert.equal(process.env['__OW_OBJECTS_URL'], '__OW_OBJECTS_URL');
    assert.ok('__OW_OBJECTS_URL' in environment);
  });

  it('is an environment for everything else', () => {
    const environment = new ActionEnvironment(process.env).seen;
    environment['__OW_ACTION_NAME'] = 'x';
    assert.equal(environment['PATH'], process.env['PATH']);
    delete environment['__OW_ACTION_NAME'];
    assert.equal(process.env['__OW_ACTION_NAME'], undefined);
    const print = 'process.stdout.write(process.env.PATH)';
    assert.equal(execFileSync(process.execPath, ['-e', print], { env: environment }).toString(), process.env['PATH']);
  });

  it('lets an action change a variable of the process that exists, and add one', () => {
    process.env['__OW_TEST_CHANGED'] = 'before';
    const environment = new ActionEnvironment(process.env).seen;
    environment['__OW_TEST_CHANGED'] = 'after';
    environment['__OW_TEST_ADDED'] = 'new';
    assert.equal(process.env['__OW_TEST_CHANGED'], 'after');
    assert.equal(process.env['__OW_TEST_ADDED'], 'new');
    delete environment['__OW_TEST_CHANGED'];
    delete environment['__OW_TEST_ADDED'];
    assert.equal(process.env['__OW_TEST_ADDED'], undefined);
  });

  it('has the variables of a run from the first look on, and sets none for an action that does not look', () => {
    const real: NodeJS.ProcessEnv = {};
    const environment = new ActionEnvironment(real);
    const run = (id: string): void => environment.begin({ value: { text: 'x' }, activation_id: id, number: 1 });
    const looks: readonly ((seen: NodeJS.ProcessEnv) => unknown)[] = [
      (seen) => seen['__OW_ACTIVATION_ID'],
      (seen) => '__OW_ACTIVATION_ID' in seen,
      (seen) => Object.keys(seen),
      (seen) => Object.getOwnPropertyDescriptor(seen, '__OW_ACTIVATION_ID'),
      (seen) => (seen['OTHER'] = 'x'),
      (seen) => delete seen['OTHER'],
    ];
    for (const [i, look] of looks.entries()) {
      run('unseen');
      assert.notEqual(real['__OW_ACTIVATION_ID'], 'unseen');
      run(`run ${i}`);
      look(environment.seen);
      assert.equal(real['__OW_ACTIVATION_ID'], `run ${i}`);
    }
    assert.deepEqual(real, { __OW_ACTIVATION_ID: 'run 5' });
    run('later');
    environment.seen['__OW_ACTIVATION_ID'] = "the action's own";
    assert.equal(environment.seen['__OW_ACTIVATION_ID'], "the action's own");
  });

  it('keeps nothing of a run but its variables', async () => {
    const real: NodeJS.ProcessEnv = {};
    const environment = new ActionEnvironment(real);
    const begin = (): WeakRef<object> => {
      const value = { text: 'x' };
      environment.begin({ value, activation_id: 'kept' });
      return new WeakRef(value);
    };
    const value = begin();
    await new Promise((resolve) => setImmediate(resolve));
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    assert.equal(value.deref(), undefined);
    environment.complete();
    assert.deepEqual(real, { __OW_ACTIVATION_ID: 'kept' });
  });

  it('gives its variables also to an object that replaces it', () => {
    const real: NodeJS.ProcessEnv = {};
    const environment = new ActionEnvironment(real);
    const run = (id: string): void => environment.begin({ activation_id: id });
    run('first');
    const own: NodeJS.ProcessEnv = {};
    environment.replace(own);
    assert.deepEqual([real, own], [{ __OW_ACTIVATION_ID: 'first' }, {}]);
    run('second');
    assert.deepEqual([real, own], [{ __OW_ACTIVATION_ID: 'second' }, { __OW_ACTIVATION_ID: 'second' }]);
    const refusing = new Proxy<NodeJS.ProcessEnv>({}, { set: () => assert.fail('refused') });
    for (const unwilling of [Object.freeze<NodeJS.ProcessEnv>({}), refusing]) {
      environment.replace(unwilling);
      run('third');
      assert.equal(real['__OW_ACTIVATION_ID'], 'third');
    }
    environment.replace(environment.seen);
    run('fourth');
    assert.equal(environment.seen['__OW_ACTIVATION_ID'], 'fourth');
    assert.equal(own['__OW_ACTIVATION_ID'], 'second');
  });
});
