import assert from 'node:assert/strict';
import { findPython, pythonVersion, type HostPython } from '../../../../../invoker/runtimes/python/hostPython.js';

/** A machine with these programs, by name. */
function machine(versions: Record<string, string>): (program: string) => Promise<HostPython> {
  return async (program) => {
    const version = versions[program];
    if (version === undefined) throw new Error(`${program} is not here`);
    return { program: `/usr/bin/${program}`, version, prefix: '/usr', library: '/usr/lib' };
  };
}

describe('the Python of this machine', () => {
  it('is looked for by the version in the kind', () => {
    assert.equal(pythonVersion('python:3'), '3');
    assert.equal(pythonVersion('python:3.12'), '3.12');
    for (const kind of ['python:2', 'python:3.x', 'python:default', 'nodejs:20']) {
      assert.equal(pythonVersion(kind), undefined, kind);
    }
  });

  it('is any that the runtime supports for python:3', async () => {
    const found = async (versions: Record<string, string>): Promise<string> => {
      const python = await findPython('3', machine(versions));
      return typeof python === 'string' ? python : python.program;
    };
    assert.equal(await found({ python3: '3.8.1', python: '2.7.18' }), '/usr/bin/python3');
    assert.equal(await found({ python: '3.13.0' }), '/usr/bin/python');
    const none = 'this machine has no Python 3.8 or later: install python3';
    assert.equal(await found({}), none);
    assert.equal(await found({ python3: '3.7.9', python: '2.7.18' }), none);
  });

  it('has exactly the version of other kinds, under any name', async () => {
    for (const name of ['python3.12', 'python3']) {
      const python = await findPython('3.12', machine({ [name]: '3.12.1' }));
      assert.ok(typeof python !== 'string' && python.version === '3.12.1');
    }
    assert.equal(
      await findPython('3.12', machine({ python3: '3.11.7' })),
      'this machine has no Python 3.12 (it has 3.11.7, which runs actions of kind python:3): install python3.12',
    );
    assert.equal(await findPython('3.12', machine({})), 'this machine has no Python 3.12: install python3.12');
    assert.notEqual(typeof (await findPython('3.1', machine({ python3: '3.11.7' }))), 'object');
  });
});
