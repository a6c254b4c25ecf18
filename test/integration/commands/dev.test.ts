import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programArguments } from '../../programs.js';
import { runCommand, type Ran } from '../../unit/deploy/commands/testIo.js';
import { eventually } from '../../e2e/eventually.js';

/** `palette-whisk dev`, as a process with its own server. */
class Dev {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  output = '';

  constructor(folder: string, ...options: string[]) {
    // Properties and servers of this machine are not used.
    const env = {
      ...process.env,
      WSK_CONFIG_FILE: join(folder, 'wskprops'),
      WHISK_APIHOST: 'http://127.0.0.1:1',
    };
    this.#child = spawn(
      process.execPath,
      [...programArguments('palette-whisk'), 'dev', folder, '--process', ...options],
      { env },
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    this.#exit = once(this.#child, 'exit');
  }

  /** Waits until the output has a text. @returns what the groups of the pattern match. */
  has(pattern: RegExp): Promise<string[]> {
    return eventually(async () => {
      const found = pattern.exec(this.output);
      assert.ok(found, `${String(pattern)} is not in:\n${this.output}`);
      return found.slice(1);
    });
  }

  async end(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.#exit;
    return this.#child.exitCode;
  }

  async ended(): Promise<number | null> {
    await this.#exit;
    return this.#child.exitCode;
  }
}

describe('palette-whisk dev', function () {
  let folder: string;
  let dev: Dev | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-devtest-'));
  });
  afterEach(async () => {
    await dev?.end();
    dev = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const run = (base: string, ...args: string[]): Promise<Ran> =>
    runCommand(args, { WSK_CONFIG_FILE: join(folder, 'wskprops'), WHISK_APIHOST: base });

  it('shows the lines of a function while it runs, with the file of the source', async () => {
    const go = join(folder, 'go');
    file(
      'slow.js',
      `const { existsSync } = require('fs');
async function main() {
  console.log(new Error('begun').stack);
  while (!existsSync(${JSON.stringify(go)})) await new Promise((resolve) => setTimeout(resolve, 10));
}
`,
    );
    dev = new Dev(folder, '--port', '0');
    const [base = ''] = await dev.has(/^(http:\S+) \(started in this process/m);
    await dev.has(/watching/);
    const invoked = run(base, 'invoke', 'slow', '-r');
    await dev.has(/log {4}guest\/slow [0-9a-f]{32} stdout: Error: begun\n/);
    await dev.has(/log {4}guest\/slow [0-9a-f]{32} stdout: +at main \(slow\.js:3:15\)\n/);
    writeFileSync(go, '');
    assert.equal((await invoked).code, 0);
    await dev.has(/ran {4}guest\/slow success/);
    assert.equal(dev.output.match(/Error: begun/g)?.length, 1);

    // A port names a server on this machine; its containers are what they are.
    const { port } = new URL(base);
    const other = new Dev(folder, '--once', '--port', port);
    assert.equal(await other.ended(), 0);
    assert.match(other.output, /^http:\S+ \(it is running on this machine; --process has no effect on it\)$/m);
    const wrong = new Dev(folder, '--once', '--port', 'http');
    assert.equal(await wrong.ended(), 2);
    assert.match(wrong.output, /--port takes a whole number below 65536, not 'http'/);
  });

  it('deploys a folder, again at each change, and shows what functions do', async () => {
    mkdirSync(join(folder, 'other'));
    file(
      'hello.js',
      'function main({ n }) {\n  console.log("in", n);\n  if (n === 13) throw new Error("unlucky");\n  return { n };\n}\n',
    );
    dev = new Dev(folder, '--port', '0');
    const [base = ''] = await dev.has(/^(http:\S+) \(started in this process/m);
    await dev.has(/watching/);
    assert.match(dev.output, /^deployed action hello \(hello\.js\) \d+ ms$/m);
    assert.deepEqual(JSON.parse((await run(base, 'invoke', 'hello', '-r', '-p', 'n', '1')).out), { n: 1 });
    // On a slow machine the lines of the log are shown before the end.
    await dev.has(/stdout: in 1\n/);
    await dev.has(/ran {4}guest\/hello success .*\n(?: {4}stdout: in 1\n)? {4}result: \{"n":1\}\n/);
    await run(base, 'invoke', 'hello', '-r', '-p', 'n', '13');
    await dev.has(/stderr: +at main \(hello\.js:3:23\)\n/);
    await dev.has(/stderr: +3 \| {3}if \(n === 13\) throw new Error\("unlucky"\);\n/);
    await dev.has(/stderr: [ |]*\^\n/);
    await dev.has(/POST {3}\/api\/v1\/namespaces\/_\/actions\/hello 502 /);

    // A mistake leaves the old version.
    file('hello.js', 'function main( {\n');
    await dev.has(/^not deployed hello\.js:\d: SyntaxError: /m);
    assert.deepEqual(JSON.parse((await run(base, 'invoke', 'hello', '-r', '-p', 'n', '2')).out), { n: 2 });
    file('hello.js', 'function main() { return { changed: true }; }\n');
    await dev.has(/^updated {2}action hello \(hello\.js\)/m);
    assert.deepEqual(JSON.parse((await run(base, 'invoke', 'hello', '-r')).out), { changed: true });

    // What another hand made stays, even if its file comes and goes.
    file('x.js', 'function main() { return {}; }\n');
    await dev.has(/^deployed action x /m);
    await run(base, 'action', 'create', 'mine', join(folder, 'x.js'));
    file('mine.js', 'function main() { return { other: 1 }; }\n');
    await dev.has(/^not deployed action mine \(mine\.js\): it exists and was not deployed from this folder/m);
    rmSync(join(folder, 'mine.js'));
    rmSync(join(folder, 'x.js'));
    await dev.has(/^removed {2}action x /m);
    assert.deepEqual((await run(base, 'action', 'list', '-n')).out.match(/guest\/\w+/g), ['guest/hello', 'guest/mine']);

    // A folder that appears, with a package.
    writeFileSync(join(folder, 'other/index.js'), 'exports.main = () => ({ folder: true });');
    writeFileSync(join(folder, 'other/package.json'), '{"main":"index.js"}');
    await dev.has(/^deployed action other \(other\)/m);
    assert.deepEqual(JSON.parse((await run(base, 'invoke', 'other', '-r')).out), { folder: true });
    assert.equal(await dev.end(), 0, dev.output);
  });

  it('deploys what the manifest of init says, and its triggers and rules, and ends with --once', async () => {
    assert.equal((await run('http://127.0.0.1:1', 'init', folder)).code, 0);
    assert.match((await run('http://127.0.0.1:1', 'init', folder)).out, /kept .*hello\.js/);
    assert.ok(existsSync(join(folder, 'palette.yaml')));
    dev = new Dev(folder, '--port', '0');
    const [base = ''] = await dev.has(/^(http:\S+) \(started in this process/m);
    await dev.has(/watching/);
    assert.deepEqual(await (await fetch(`${base}/api/v1/web/guest/default/hello.json`)).json(), {
      greeting: 'Hello stranger!',
    });
    file(
      'palette.yaml',
      `packages:
  tools:
    actions: { hello: { function: hello.js } }
    sequences: { twice: { actions: [hello, hello] } }
    triggers: { tick: { feed: /whisk.system/alarms/interval, parameters: { minutes: 10 } }, event: }
    rules: { onEvent: { trigger: event, action: twice } }
    dependencies: { bound: { location: /whisk.system/utils } }
`,
    );
    await dev.has(/^deployed rule onEvent /m);
    for (const [, what] of [
      [1, 'package tools'],
      [2, 'action tools/hello'],
      [3, 'action tools/twice'],
      [4, 'trigger tick'],
      [5, 'trigger event'],
    ] as const)
      assert.match(dev.output, new RegExp(`^deployed ${what} `, 'm'));
    assert.match(dev.output, /^removed {2}action hello /m);
    assert.match(dev.output, /^deployed package bound /m);
    assert.deepEqual(JSON.parse((await run(base, 'invoke', 'bound/echo', '-r', '-p', 'n', '1')).out), { n: 1 });
    assert.match((await run(base, 'trigger', 'get', 'tick')).out, /"minutes": 10/);
    await run(base, 'trigger', 'fire', 'event', '-p', 'name', 'rule');
    await dev.has(
      /ran {4}guest\/tools\/hello success .*\n(?: {4}stdout: .*\n)? {4}result: \{"greeting":"Hello rule!"\}/,
    );

    const once = new Dev(folder, '--apihost', base, '--once', '--force');
    assert.equal(await once.ended(), 0, once.output);
    file('hello.js', 'function main( {\n');
    const failed = new Dev(folder, '--apihost', base, '--once');
    assert.equal(await failed.ended(), 1, failed.output);
    assert.match(failed.output, /not deployed hello\.js:\d+: SyntaxError/);
  });

  it('says in one line what it cannot use', async () => {
    const missing = new Dev(join(folder, 'none'));
    assert.equal(await missing.ended(), 1);
    assert.match(
      missing.output,
      /^palette-whisk dev: the folder '.*none' does not exist; make it with: palette-whisk init .*\n$/,
    );
    const away = new Dev(folder, '--apihost', 'http://127.0.0.1:1');
    assert.equal(await away.ended(), 1);
    assert.match(away.output, /^palette-whisk dev: no server answers at http:\/\/127\.0\.0\.1:1: .*\n$/);
  });
});
