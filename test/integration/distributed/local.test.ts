import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import { nodeAction, request } from './cluster.js';

describe('npm run local', function () {
  this.timeout(180_000);
  let child: ChildProcess | undefined;
  before(function () {
    skipWithoutBroker(this);
  });
  after(() => child?.kill('SIGKILL'));

  it('starts controllers and invokers behind one address, and leaves nothing behind at a Ctrl-C', async () => {
    const source = import.meta.url.endsWith('.ts');
    const main = fileURLToPath(new URL(`../../../deploy/local/main.${source ? 'ts' : 'js'}`, import.meta.url));
    const args = [...(source ? ['--import', 'tsx'] : []), main, '--port', '0', '--process'];
    // In a group of its own, as a terminal starts it.
    const local = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    child = local;
    let output = '';
    local.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(async () => assert.match(output, /Ctrl-C ends it/), 120_000);

    const said = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? assert.fail(`${pattern} in ${output}`);
    const base = said(/^API host +(\S+)$/m);
    const code = 'function main() { return { host: process.env.__OW_API_HOST } }';
    assert.equal((await request(base, 'PUT', 'actions/where', nodeAction(code))).status, 200);
    for (const controller of [base, said(/^controller0 +(\S+) /m), said(/^controller1 +(\S+) /m)]) {
      const { body } = await request(controller, 'POST', 'actions/where?blocking=true&result=true', {});
      assert.deepEqual(body, { host: base });
    }

    const folder = said(/^logs +(\S+)$/m);
    assert.ok(existsSync(folder));
    const ended = once(local, 'exit');
    // The terminal sends it to the group, and npm passes it on.
    process.kill(-(local.pid ?? 0), 'SIGINT');
    local.kill('SIGINT');
    await ended;
    assert.equal(local.exitCode, 0, output);
    assert.equal(existsSync(folder), false);
    for (const [, name, pid] of output.matchAll(/^(\w+) +\S+ {2}pid (\d+)$/gm)) {
      assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' }, `${name} runs`);
    }
  });
});
