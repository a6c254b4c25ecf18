import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { eventually } from '../../../../e2e/eventually.js';
import { nativeRuntime, nodeRuntime } from '../../../../../invoker/containers/process/runtimeCommand.js';

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
/** Gives a program two pipes, as a container engine does. Node.js itself gives its children sockets. */
const WITH_PIPES = '{ { "$@" 2>&6 5>&- 6>&- | cat >&5; } 6>&1 | cat >&2; } 5>&1';
/** More runs than the runtime needs before it ends one without sentinels. */
const MANY = 20;

/** Writes `line` in the way `how`. */
const ACTION = `
  const fs = require('node:fs');
  const { spawnSync } = require('node:child_process');
  const { once } = require('node:events');
  const { Worker } = require('node:worker_threads');
  const inWorker = async (code) => void (await once(new Worker(code, { eval: true }), 'exit'));
  const ways = {
    nothing() {},
    console: (line) => console.log(line),
    stdout: (line) => process.stdout.write(line + '\\n'),
    writeSync: (line) => fs.writeSync(1, line + '\\n'),
    path: (line) => fs.appendFileSync('/dev/stdout', line + '\\n'),
    warning: (line) => process._rawDebug(line),
    child: (line) => spawnSync('/bin/sh', ['-c', 'echo ' + line], { stdio: 'inherit' }),
    procfs: (line) => spawnSync('/bin/sh', ['-c', 'echo ' + line + ' > /proc/' + process.pid + '/fd/1']),
    worker: (line) => inWorker('console.log(' + JSON.stringify(line) + ')'),
    rawWorker: (line) => inWorker('require("node:fs").writeSync(1, ' + JSON.stringify(line + '\\n') + ')'),
    later: (line) => void setTimeout(() => console.log(line), 10),
    afterwards: (line) => void setImmediate(() => console.log(line)),
    exit: () => void setImmediate(() => process.exit(3)),
    exitTimer: () => {
      setTimeout(() => process.exit(3), 1);
      for (const until = Date.now() + 5; Date.now() < until;);
    },
    crashTimer: () => {
      setTimeout(() => { throw new Error('boom'); }, 1);
      for (const until = Date.now() + 5; Date.now() < until;);
    },
    unrefTimer: () => {
      setTimeout(() => process.exit(3), 1).unref();
      for (const until = Date.now() + 5; Date.now() < until;);
    },
    exitFile: () => void fs.readFile('/etc/passwd', () => process.exit(3)),
    floating: () => void Promise.reject(new Error('floating')),
    exitJob: () => void Promise.resolve().then(() => {}).then(() => {}).then(() => {}).then(() => process.nextTick(() => process.exit(3))),
    heavyTimer: (file) => {
      setTimeout(() => { for (const until = Date.now() + 20_000; Date.now() < until && !fs.existsSync(file);); }, 0);
      for (const until = Date.now() + 5; Date.now() < until;);
    },
    overflow: (line) => {
      globalThis.watcher = fs.watch('.', { persistent: false }, () => {});
      const files = [fs.openSync('a', 'w'), fs.openSync('b', 'w')];
      for (let i = 0; i < 9000; i++) for (const file of files) fs.writeSync(file, 'x');
      console.log(line);
    },
    rejects: () => Promise.reject(new Error('no')),
    waits: (file) => new Promise((resolve) => {
      const timer = setInterval(() => fs.existsSync(file) && (clearInterval(timer), resolve()), 2);
    }),
  };
  async function main({ how, line }) { await ways[how](line); return { how } }`;

describe('the Node.js runtime, when the invoker asks for sentinels on demand', function () {
  let folder: string;
  let child: ChildProcess;
  let client: Client;
  let output: { stdout: string; stderr: string };

  async function start(
    environment: Record<string, string> = {},
    pipes = true,
    { program, args } = nodeRuntime().command,
    code = ACTION,
  ): Promise<void> {
    const socketPath = join(folder, 's');
    const command = [program, ...args, '--end-with-parent'];
    const [started = '', ...rest] = pipes ? ['/bin/sh', '-c', WITH_PIPES, 'sh', ...command] : command;
    child = spawn(started, rest, {
      env: { PATH: process.env['PATH'], PORT: socketPath, ...environment },
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (output.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
    client = new Client('http://localhost', { socketPath, pipelining: 1 });
    await eventually(() => {
      assert.equal(child.exitCode, null, output.stderr);
      assert.ok(existsSync(socketPath));
    });
    // The path exists before the runtime listens at it.
    const { statusCode, body } = await eventually(() =>
      client.request({
        path: '/init',
        method: 'POST',
        body: JSON.stringify({ value: { main: 'main', code } }),
      }),
    );
    assert.deepEqual([statusCode, await body.json()], [200, { OK: true }]);
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-silent-'));
  });
  afterEach(async () => {
    await client.destroy();
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.stdio[3]?.destroy();
    await ended;
    rmSync(folder, { recursive: true });
  });

  /** @returns whether the runtime has said that the run wrote nothing */
  async function run(how: string, line = how, header: string | null = 'on-demand', on = client): Promise<boolean> {
    const response = await on.request({
      path: '/run',
      method: 'POST',
      headers: header === null ? {} : { 'x-palette-logs': header },
      body: JSON.stringify({ value: { how, line } }),
    });
    const body = await response.body.json();
    assert.equal(response.statusCode, 200);
    if (how !== 'rejects') assert.deepEqual(body, { how });
    const said = response.headers['x-palette-logs'];
    assert.ok(said === undefined || said === 'none');
    return said === 'none';
  }

  /** Runs until a run ends without sentinels. @returns the number of runs with sentinels */
  async function untilSilent(): Promise<number> {
    for (let marked = 0; marked < MANY; marked++) if (await run('nothing')) return marked;
    return assert.fail('each run ended with sentinels');
  }

  /** Waits for `runs` sentinels on both streams. @returns the texts before each sentinel on stdout, and the text after the last one */
  async function parts(runs: number): Promise<string[]> {
    return eventually(() => {
      const [stdout, stderr] = [output.stdout, output.stderr].map((text) => text.split(`${SENTINEL}\n`));
      assert.equal(stdout?.length, runs + 1);
      assert.equal(stderr?.length, runs + 1);
      return stdout ?? [];
    });
  }

  if (process.platform === 'linux') {
    it('ends silent runs without them, after some with them', async () => {
      await start();
      const marked = await untilSilent();
      assert.ok(marked > 0);
      for (let i = 0; i < MANY; i++) assert.equal(await run('nothing'), true);
      assert.equal(await run('console', 'at last'), false);
      assert.deepEqual((await parts(marked + 1)).slice(marked), ['at last\n', '']);
    });

    it('ends silent runs of any executable without them', async () => {
      await start({}, true, nativeRuntime().command, `#!/bin/sh\necho '{ "how": "nothing" }'`);
      const marked = await untilSilent();
      for (let i = 0; i < MANY; i++) assert.equal(await run('nothing'), true);
      await parts(marked);
    });

    const writers = ['console', 'stdout', 'writeSync', 'path', 'child', 'procfs', 'worker', 'rawWorker'];
    for (const how of writers) {
      it(`ends the lines of a run with them: ${how}`, async () => {
        await start();
        let marked = await untilSilent();
        assert.equal(await run(how, 'line'), false);
        marked += 1;
        const seen = await parts(marked);
        assert.deepEqual(seen.slice(marked - 1), ['line\n', '']);
        // Silent runs end without them again.
        marked += await untilSilent();
        assert.equal(await run(how, 'again'), false);
        assert.deepEqual((await parts(marked + 1)).slice(marked), ['again\n', '']);
      });
    }

    it('sees what Node.js itself writes', async () => {
      await start();
      const marked = await untilSilent();
      assert.equal(await run('warning', 'careful'), false);
      await parts(marked + 1);
      assert.match(output.stderr, /careful\nXXX_THE_END\w+\n$/);
    });

    for (const how of ['later', 'afterwards']) {
      it(`ends the next run with them if lines came after a run: ${how}`, async () => {
        await start();
        const marked = await untilSilent();
        // A line of `afterwards` may come before the end of its run.
        const later = await run(how, 'late line');
        await eventually(() => assert.match(output.stdout, /late line\n/));
        const next = await run('nothing');
        assert.ok(!later || !next);
        const rest = (await parts(marked + (later ? 0 : 1) + (next ? 0 : 1))).slice(marked);
        assert.equal(rest.join(''), 'late line\n');
        assert.equal(rest.at(-1), '');
      });
    }

    it('writes them without the header, or with another value', async () => {
      await start();
      let marked = await untilSilent();
      for (const header of [null, 'whatever', null]) assert.equal(await run('nothing', '', header), false);
      marked += 3;
      await parts(marked);
    });

    it('leaves them out after an error that the action gives as its result', async () => {
      await start();
      const marked = await untilSilent();
      assert.equal(await run('rejects'), true);
      await parts(marked);
    });

    it('writes them if runs overlap, and leaves them out of a run that is alone', async () => {
      await start({ __OW_ALLOW_CONCURRENT: 'true' });
      let marked = await untilSilent();
      const other = new Client('http://localhost', { socketPath: join(folder, 's') });
      try {
        const file = join(folder, 'go');
        const waiting = run('waits', file);
        // The second one overlaps the first one whenever it comes, since the first one waits for the file.
        const quick = await run('console', 'quick', 'on-demand', other);
        writeFileSync(file, '');
        assert.deepEqual([quick, await waiting], [false, false]);
      } finally {
        await other.destroy();
      }
      marked += 2;
      await parts(marked);
      marked += await untilSilent();
      assert.equal(await run('nothing'), true);
      await parts(marked);
    });

    for (const how of ['exit', 'exitTimer', 'crashTimer', 'unrefTimer', 'exitFile', 'floating', 'exitJob']) {
      it(`answers, and ends the logs, before an action ends the process after its run: ${how}`, async () => {
        await start();
        const marked = await untilSilent();
        assert.equal(await run(how), false);
        if (child.exitCode === null) await once(child, 'exit');
        await parts(marked + 1);
      });
    }

    it('answers before an action computes for long in the next turn of the event loop', async () => {
      await start();
      await untilSilent();
      const file = join(folder, 'stop');
      const begun = performance.now();
      assert.equal(await run('heavyTimer', file), false);
      // The action computes for 20 s, or until the file exists.
      assert.ok(performance.now() - begun < 15_000);
      writeFileSync(file, '');
    });

    it('sees a line although the kernel has dropped its event', async () => {
      await start();
      const marked = await untilSilent();
      assert.equal(await run('overflow', 'line'), false);
      assert.deepEqual((await parts(marked + 1)).slice(marked), ['line\n', '']);
    });
  }

  it('always writes them if its output is not a pipe', async () => {
    await start({}, false);
    for (let i = 0; i < MANY; i++) assert.equal(await run('nothing'), false);
    await parts(MANY);
  });
});
