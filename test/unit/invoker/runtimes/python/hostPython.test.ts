import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  askProgram,
  findPython,
  pythonVersion,
  rememberingPython,
  type HostPython,
} from '../../../../../invoker/runtimes/python/hostPython.js';

/** A machine with these programs, by name. */
function machine(versions: Record<string, string>): (program: string) => Promise<HostPython> {
  return async (program) => {
    const version = versions[program];
    if (version === undefined) throw new Error(`${program} is not here`);
    return { program: `/usr/bin/${program}`, version, prefix: '/usr', library: '/usr/lib' };
  };
}

describe('the Python of this machine', () => {
  it('is given up if it does not answer in time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pw-python-'));
    try {
      const frozen = join(folder, 'python3');
      await writeFile(frozen, '#!/bin/sh\nkill -STOP $$\n', { mode: 0o755 });
      await assert.rejects(askProgram(frozen, 300), (error: Error) => 'killed' in error && error.killed === true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

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

  describe('is asked once', () => {
    const here: HostPython = { program: '/opt/python3.11', version: '3.11.7', prefix: '/opt', library: '/opt/lib' };
    const exited = (): Error => Object.assign(new Error('the shim knows no such version'), { code: 127 });
    const missing = (): Error => Object.assign(new Error('spawn python3.11 ENOENT'), { code: 'ENOENT' });
    /** The programs that were asked, in their order. */
    let asked: string[];
    let answers: () => HostPython | Error;
    let now: number;
    let stamp: string | undefined;
    let ask: (program: string) => Promise<HostPython>;
    beforeEach(() => {
      asked = [];
      now = 0;
      stamp = 'first';
      ask = rememberingPython(
        async (program) => {
          asked.push(program);
          const answer = answers();
          if (answer instanceof Error) throw answer;
          return answer;
        },
        () => now,
        () => stamp,
      );
    });

    it('for all who look for it, as long as its file exists', async () => {
      answers = () => here;
      assert.deepEqual(await Promise.all([ask('python3'), ask('python3')]), [here, here]);
      now = 1e9;
      assert.equal(await ask('python3'), here);
      assert.deepEqual(asked, ['python3']);
      assert.equal(await ask('python3.11'), here);
      stamp = undefined;
      await ask('python3');
      assert.deepEqual(asked, ['python3', 'python3.11', 'python3']);
    });

    it('again once an upgrade has replaced its file', async () => {
      answers = () => here;
      assert.equal(await ask('python3'), here);
      stamp = 'second';
      const upgraded = { ...here, version: '3.12.1' };
      answers = () => upgraded;
      for (let i = 0; i < 2; i++) assert.equal(await ask('python3'), upgraded);
      assert.equal(asked.length, 2);
    });

    it('sees that a file is written again or replaced', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'pw-python-'));
      try {
        const program = join(folder, 'python3');
        let count = 0;
        const real = rememberingPython(async () => ({ ...here, program, version: `3.11.${++count}` }));
        const version = async (): Promise<string> => (await real('python3')).version;
        await writeFile(program, '1');
        await utimes(program, 1000, 1000);
        assert.deepEqual([await version(), await version()], ['3.11.1', '3.11.1']);
        await utimes(program, 2000, 2000);
        assert.deepEqual([await version(), await version()], ['3.11.2', '3.11.2']);
        await writeFile(`${program}.new`, '2');
        await utimes(`${program}.new`, 2000, 2000);
        await rename(`${program}.new`, program);
        assert.deepEqual([await version(), await version()], ['3.11.3', '3.11.3']);
        // A file that cannot be looked at, for another reason than that it is missing.
        await rm(program);
        await symlink(program, program);
        assert.deepEqual([await version(), await version()], ['3.11.4', '3.11.5']);
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    it('in a minute if the program ends with an error', async () => {
      answers = exited;
      await assert.rejects(ask('python3.12'), exited());
      now = 59_999;
      await assert.rejects(ask('python3.12'), exited());
      assert.equal(asked.length, 1);
      now = 60_000;
      answers = () => here;
      assert.equal(await ask('python3.12'), here);
      assert.equal(asked.length, 2);
    });

    it('again if it was missing or did not answer in time', async () => {
      for (const error of [missing(), new Error('killed')]) {
        answers = () => error;
        await assert.rejects(ask('python3.11'), error);
      }
      answers = () => here;
      assert.equal(await ask('python3.11'), here);
      assert.equal(asked.length, 3);
    });
  });
});
