import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ProcessDriver } from '../../../../../invoker/containers/process/ProcessDriver.js';
import { privateBytes } from '../../../../../invoker/containers/process/MemoryWatch.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';

const SPEC = {
  name: 'x',
  image: { kind: 'nodejs:20', reference: '', pull: false },
  memoryMB: 128,
  environment: {},
  concurrency: 1,
};

describe('process driver', () => {
  it('refuses other kinds than those of Node.js', async () => {
    const driver = new ProcessDriver({ owner: `kinds-${process.pid}`, logger: silentLogger });
    const image = { kind: 'python:3', reference: '', pull: false };
    await assert.rejects(driver.create({ ...SPEC, image }), /kind 'python:3' need Docker/);
    await driver.close();
  });

  it('warns that it isolates nothing', async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    await new ProcessDriver({ owner: `warn-${process.pid}`, logger }).removeLeftovers();
    assert.match(warnings.join('\n'), /isolates nothing/);
  });

  it('passes nothing of its own environment on', async () => {
    process.env['A_SECRET'] = 'xyz';
    const driver = new ProcessDriver({ owner: `env-${process.pid}`, logger: silentLogger });
    try {
      const container = await driver.create(SPEC);
      const options = { timeoutMs: 10_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
      const code = 'const main = () => ({ seen: process.env.A_SECRET ?? "nothing" })';
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      assert.equal((await container.post('/run', '{}', options)).body, '{"seen":"nothing"}');
    } finally {
      delete process.env['A_SECRET'];
      await driver.close();
    }
  });

  it('has its processes end when the process that made them is killed', async () => {
    const fromSource = import.meta.url.endsWith('.ts');
    const program = fileURLToPath(new URL(`./startAndWait${fromSource ? '.ts' : '.js'}`, import.meta.url));
    const parent = spawn(process.execPath, [...(fromSource ? ['--import', 'tsx'] : []), program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    assert.ok(pid > 0);
    parent.kill('SIGKILL');
    const deadline = Date.now() + 5000;
    while (isAlive(pid)) {
      assert.ok(Date.now() < deadline, 'the child lives on');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const successor = new ProcessDriver({ owner: `killed-${parent.pid}`, logger: silentLogger });
    assert.equal(await successor.removeLeftovers(), 1);
    await successor.close();
  });

  it('reads how much memory a process has for itself', () => {
    assert.equal(privateBytes('Name:\tnode\nVmRSS:\t   90000 kB\nRssAnon:\t   20480 kB\nRssFile:\t1 kB\n'), 20_971_520);
    assert.equal(privateBytes(''), 0);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
