import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCommandLine } from '../../../../../deploy/commands/admin/commandLine.js';
import { runTrace } from '../../../../../deploy/commands/admin/traces.js';

describe('admin trace run', () => {
  let folder: string;
  before(async () => {
    // Within the package, so that a policy can import from it by its name.
    folder = await mkdtemp(join(import.meta.dirname, 'traces-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function run(...args: string[]): Promise<string[]> {
    const { command } = parseCommandLine(['trace', 'run', ...args]);
    assert.ok(command.verb === 'trace run');
    const lines: string[] = [];
    for await (const line of runTrace(command.run)) lines.push(line);
    return lines;
  }
  const hitsOf = (line = ''): number => Number(line.split(/ +/)[1]);

  it('generates a trace, and simulates each policy on it', async () => {
    const options = ['--generate', '20000', '--colors', '500', '--rate', '1000', '--workers', '10', '--cache', '50'];
    const lines = await run(...options, '--policy', 'random,least-assigned');
    assert.equal(lines[0], '20000 invocations, 500 colors, 1 actions, 500 objects');
    const [random, assigned] = [hitsOf(lines[2]), hitsOf(lines[3])];
    // All 500 objects fit into the caches of the ten workers together, and a tenth of them into each.
    assert.ok(random > 20 && random < 60 && assigned > 90, `${random} and ${assigned}`);
    assert.match(lines[4] ?? '', /^2 simulations in [\d.]+ s \([\d.]+ s of processors\)$/);
    assert.deepEqual((await run(...options, '--policy', 'random'))[2], lines[2]);
  });

  it('simulates a policy of a file on a trace of a file', async () => {
    const trace = join(folder, 'trace.jsonl');
    const events = Array.from({ length: 100 }, (_, i) => ({
      t: 100 * i,
      color: `c${i % 4}`,
      action: 'read',
      reads: [`c${i % 4}`],
      ms: 1,
    }));
    await writeFile(trace, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const policy = join(folder, 'rendezvous.js');
    const example =
      /```js\n(\/\/ rendezvous\.js[\s\S]*?)```/.exec(await readFile('docs/policies.md', 'utf8'))?.[1] ?? '';
    await writeFile(policy, example);
    const lines = await run(trace, '--policy', policy, '--workers', '4', '--slots', '1');
    // Each of the four objects misses once, at its home.
    assert.match(lines[2] ?? '', /^rendezvous +96\.00 +100\.00 /);
  });

  it('names a policy that fails in the simulation, and the place', async () => {
    const example =
      /```js\n(\/\/ rendezvous\.js[\s\S]*?)```/.exec(await readFile('docs/policies.md', 'utf8'))?.[1] ?? '';
    const policy = join(folder, 'failing.js');
    // The contract has fewer invokers than the simulation.
    await writeFile(
      policy,
      example.replace('homes(color) {', "homes(color) { if (this.#members.size > 20) throw new Error('too many');"),
    );
    await assert.rejects(run('--generate', '100', '--workers', '30', '--policy', policy), {
      name: 'AdminError',
      message: /^the policy rendezvous failed in the simulation: too many at .*failing\.js:\d+/,
    });
  });

  it('simulates some minutes of the trace of Azure of 2019', async () => {
    const [invocations, durations] = [join(folder, 'invocations.csv'), join(folder, 'durations.csv')];
    const minutes = Array.from({ length: 1440 }, (_, i) => i + 1);
    const counts = minutes.map((minute) => (minute === 11 ? 30 : minute === 12 ? 5 : 1));
    await writeFile(
      invocations,
      `HashOwner,HashApp,HashFunction,Trigger,${minutes.join(',')}\no,a,f,http,${counts.join(',')}\n`,
    );
    const marks = [0, 1, 25, 50, 75, 99, 100].map((mark) => `percentile_Average_${mark}`);
    await writeFile(durations, `HashOwner,HashApp,HashFunction,${marks.join(',')}\no,a,f,7,7,7,7,7,7,7\n`);
    const format = ['--format', 'azure2019', '--durations', durations];
    const lines = await run(invocations, ...format, '--minutes', '10-12', '--policy', 'random', '--miss', '0');
    assert.equal(lines[0], '35 invocations, 1 colors, 1 actions, 1 objects');
    assert.match(lines[2] ?? '', /^random .* 7\.\d+ +7\.\d+ /);
    for (const wrong of ['10', '12-10', '0-1441']) {
      await assert.rejects(run(invocations, ...format, '--minutes', wrong), /--minutes takes two numbers/);
    }
    await assert.rejects(run(invocations, '--format', 'azure2019'), /needs --durations FILE/);
    await assert.rejects(run(invocations, '--minutes', '1-2'), /need --format azure2019/);
  });

  it('names the file of an error: that of the durations, or that of the invocations', async () => {
    const [invocations, durations] = [join(folder, 'no-invocations.csv'), join(folder, 'bad-durations.csv')];
    const options = ['--format', 'azure2019', '--durations', durations, '--minutes', '0-1', '--policy', 'random'];
    const begins = (path: string, rest: string): ((error: Error) => boolean) => {
      return ({ message }) => message.startsWith(`${path}: ${rest}`);
    };
    await writeFile(invocations, 'HashOwner,HashApp\n');
    await assert.rejects(run(invocations, ...options), begins(durations, 'ENOENT'));
    await writeFile(durations, 'HashOwner,HashApp\n');
    await assert.rejects(
      run(invocations, ...options),
      begins(durations, 'line 1 of the trace: the header has no column'),
    );
    const marks = [0, 1, 25, 50, 75, 99, 100].map((mark) => `percentile_Average_${mark}`);
    await writeFile(durations, `HashOwner,HashApp,HashFunction,${marks.join(',')}\n`);
    const noColumn = begins(invocations, 'line 1 of the trace: the header has no column');
    await assert.rejects(run(invocations, ...options), noColumn);
  });

  it('takes a file or a generated trace, not both', () => {
    const fails = (message: RegExp, ...args: string[]): void =>
      assert.throws(() => parseCommandLine(['trace', 'run', ...args]), message);
    fails(/FILE/);
    fails(/trace run/, 'trace.jsonl', '--generate', '10');
    fails(/--rate needs a trace that is generated/, 'trace.jsonl', '--rate', '10');
    fails(/--format needs a trace that is read/, '--generate', '10', '--format', 'azure2021');
    fails(/--generate takes a whole number of at most 100,000,000/, '--generate', '1e9');
  });
});
