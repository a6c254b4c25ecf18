import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Container } from '../../../../../invoker/containers/ContainerDriver.js';
import { descendants, parentOf } from '../../../../../invoker/containers/process/processTree.js';
import { ProcessDriver } from '../../../../../invoker/containers/process/ProcessDriver.js';
import { privateBytes } from '../../../../../invoker/containers/process/MemoryWatch.js';
import { eventually as until } from '../../../../e2e/eventually.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';

const SPEC = {
  name: 'x',
  image: { kind: 'nodejs:20', reference: '', pull: false },
  memoryMB: 128,
  environment: {},
  concurrency: 1,
};

describe('process driver', () => {
  it('refuses kinds and images that cannot run here, and names those that can', async () => {
    const driver = new ProcessDriver({ owner: `kinds-${process.pid}`, logger: silentLogger });
    const refused = (kind: string, reference: string, reason: RegExp): Promise<void> =>
      assert.rejects(driver.create({ ...SPEC, image: { kind, reference, pull: true } }), reason);
    await refused('swift:5.7', '', /kind 'swift:5\.7' cannot run here: without Docker only the kinds nodejs:/);
    await refused(
      'python:3.99',
      '',
      /kind 'python:3\.99' cannot run here: this machine has no Python 3\.99.*install python3\.99/,
    );
    await refused('blackbox', 'me/mine', /image 'me\/mine' cannot run here: without Docker only/);
    await driver.close();
  });

  it('warns that actions run without isolation', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    await new ProcessDriver({ owner: `warn-${process.pid}`, logger }).removeLeftovers();
    assert.match(warnings.join('\n'), /without isolation/);
  });

  it('passes nothing of its own environment on', async () => {
    process.env['A_SECRET'] = 'xyz';
    const driver = new ProcessDriver({ owner: `env-${process.pid}`, logger: silentLogger });
    try {
      const container = await driver.create(SPEC);
      const options = { timeoutMs: 240_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
      const code = 'const main = () => ({ seen: process.env.A_SECRET ?? "nothing" })';
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      assert.equal((await container.post('/run', '{}', options)).body, '{"seen":"nothing"}');
    } finally {
      delete process.env['A_SECRET'];
      await driver.close();
    }
  });

  it('gives processes a lower priority than its own, and also their group if Linux groups by session', async function () {
    if (process.platform !== 'linux') this.skip();
    const driver = new ProcessDriver({ owner: `nice-${process.pid}`, logger: silentLogger });
    try {
      const container = await driver.create(SPEC);
      const options = { timeoutMs: 240_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
      // A kernel may be built without groups by session. The server sets their priority soon after the start.
      const code = `
        const { readFileSync } = require('fs');
        const group = () => { try { return readFileSync('/proc/self/autogroup', 'utf8'); } catch { return 'nice 5'; } };
        const main = async () => {
          const end = Date.now() + 50_000;
          while (!/nice 5$/.test(group().trim()) && Date.now() < end) await new Promise((done) => setTimeout(done, 20));
          return { nice: require('os').getPriority(), group: /nice (\\d+)$/.exec(group().trim())?.[1] };
        }`;
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      assert.equal((await container.post('/run', '{}', options)).body, '{"nice":5,"group":"5"}');
    } finally {
      await driver.close();
    }
  });

  for (const paused of [false, true])
    it(`ends its ${paused ? 'paused' : 'running'} processes when the process that made them is killed`, async () => {
      const fromSource = import.meta.url.endsWith('.ts');
      const program = fileURLToPath(new URL(`./startAndWait${fromSource ? '.ts' : '.js'}`, import.meta.url));
      const parent = spawn(
        process.execPath,
        [...(fromSource ? ['--import', 'tsx'] : []), program, ...(paused ? ['--pause'] : [])],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(chunk.toString());
      assert.ok(pid > 0);
      parent.kill('SIGKILL');
      await eventually(() => !isAlive(pid));
      const successor = new ProcessDriver({ owner: `killed-${parent.pid}`, logger: silentLogger });
      assert.equal(await successor.removeLeftovers(), 1);
      await successor.close();
    });

  it('ends the programs that an action started, in its process group and out of it', async () => {
    const driver = new ProcessDriver({ owner: `tree-${process.pid}`, logger: silentLogger });
    try {
      const [container, bystander] = [await driver.create(SPEC), await driver.create(SPEC)];
      const options = { timeoutMs: 240_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
      const code = `const { spawn, execSync } = require('child_process');
        const main = () => {
          const group = spawn('sleep', ['1000'], { stdio: 'ignore' });
          const detached = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
          const orphan = Number(execSync("setsid sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!'").toString());
          return { pids: [group.pid, detached.pid, orphan] };
        }`;
      for (const each of [container, bystander])
        await each.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      const started = async (from: Container): Promise<number[]> =>
        (JSON.parse((await from.post('/run', '{}', options)).body) as { pids: number[] }).pids;
      const pids = await started(container);
      const others = await started(bystander);
      assert.ok([...pids, ...others].every((pid) => pid > 0 && isAlive(pid)));
      await container.destroy();
      await eventually(() => !pids.some(isAlive));
      assert.ok(others.every(isAlive), 'what another container started goes on');
      await bystander.destroy();
      await eventually(() => !others.some(isAlive));
    } finally {
      await driver.close();
    }
  });

  it('finds the descendants of a process', () => {
    const parents = new Map([
      [2, 1],
      [3, 2],
      [4, 2],
      [5, 4],
      [6, 1],
      [7, 6],
    ]);
    assert.deepEqual(
      descendants(2, parents).toSorted((a, b) => a - b),
      [3, 4, 5],
    );
    assert.deepEqual(descendants(7, parents), []);
    assert.equal(parentOf('12 (a) b (c) S 34 56 78'), 34);
  });

  it('reads how much memory a process has for itself', () => {
    assert.equal(privateBytes('Name:\tnode\nVmRSS:\t   90000 kB\nRssAnon:\t   20480 kB\nRssFile:\t1 kB\n'), 20_971_520);
    assert.equal(privateBytes(''), 0);
  });
});

/** A killed process may be there for a moment, until its parent has read its end. */
const eventually = (holds: () => boolean): Promise<void> => until(() => assert.ok(holds()));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
