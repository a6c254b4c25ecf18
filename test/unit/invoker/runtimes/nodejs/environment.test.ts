import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { listedAsOpenWhisk } from '../../../../../invoker/runtimes/nodejs/environment.js';

describe('the environment of an action', () => {
  const names = ['__OW_OBJECTS_URL', '__OW_OBJECTS_TOKEN', '__OW_ACTION_NAME'];
  afterEach(() => {
    for (const name of names) delete process.env[name];
  });

  it('has the variables of objects, and does not list them', () => {
    const environment = listedAsOpenWhisk(process.env);
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
    const environment = listedAsOpenWhisk(process.env);
    environment['__OW_ACTION_NAME'] = 'x';
    assert.equal(environment['PATH'], process.env['PATH']);
    delete environment['__OW_ACTION_NAME'];
    assert.equal(process.env['__OW_ACTION_NAME'], undefined);
    const print = 'process.stdout.write(process.env.PATH)';
    assert.equal(execFileSync(process.execPath, ['-e', print], { env: environment }).toString(), process.env['PATH']);
  });

  it('lets an action change a variable of the process that exists, and add one', () => {
    process.env['__OW_TEST_CHANGED'] = 'before';
    const environment = listedAsOpenWhisk(process.env);
    environment['__OW_TEST_CHANGED'] = 'after';
    environment['__OW_TEST_ADDED'] = 'new';
    assert.equal(process.env['__OW_TEST_CHANGED'], 'after');
    assert.equal(process.env['__OW_TEST_ADDED'], 'new');
    delete environment['__OW_TEST_CHANGED'];
    delete environment['__OW_TEST_ADDED'];
    assert.equal(process.env['__OW_TEST_ADDED'], undefined);
  });
});
