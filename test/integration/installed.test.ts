import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { writeBundle } from '../../deploy/bundle/bundle.js';
import { eventually } from '../e2e/eventually.js';
import { programVersion } from '../../shared/process/version.js';

/*
 * The package as users install it: packed by npm, from what is built, and installed by npm from the tarball with the
 * versions of the lock file.
 */

const run = promisify(execFile);
const root = path.dirname(createRequire(import.meta.url).resolve('palette-whisk/package.json'));

interface LockFile {
  packages: Record<string, { readonly dev?: boolean; readonly dependencies?: unknown; readonly bin?: unknown }>;
}

describe('the installed package', function () {
  this.timeout(600_000);
  let folder: string;
  let command: string;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'palette-whisk-installed-'));
    await writeBundle(root);
    const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
    });
    const [{ filename, integrity }] = JSON.parse(packed.stdout) as [{ filename: string; integrity: string }];
    const dependencies = { 'palette-whisk': `file:${filename}` };
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({ dependencies }));
    const { packages } = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as LockFile;
    const own = packages[''];
    const installed = Object.entries(packages).filter(([name, { dev }]) => name !== '' && dev !== true);
    const lock = {
      lockfileVersion: 3,
      packages: {
        '': { dependencies },
        'node_modules/palette-whisk': {
          version: programVersion(),
          resolved: `file:${filename}`,
          integrity,
          dependencies: own?.dependencies,
          bin: own?.bin,
        },
        ...Object.fromEntries(installed),
      },
    };
    await writeFile(path.join(folder, 'package-lock.json'), JSON.stringify(lock));
    await run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--omit=dev'], { cwd: folder });
    command = path.join(folder, 'node_modules/.bin/palette-whisk');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('has the command palette-whisk, which starts a server and invokes an action', async () => {
    assert.equal((await run(command, ['--version'])).stdout, `${programVersion()}\n`);
    const server = spawn(
      command,
      ['start', '--port', '0', '--process', '--no-catalog', '--data', path.join(folder, 'data')],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      let output = '';
      server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const apihost = await eventually(async () => {
        const found = /ready at (http:\/\/\S+)/.exec(output)?.[1];
        assert.ok(found !== undefined, output);
        return found;
      });
      const env = { ...process.env, WSK_CONFIG_FILE: path.join(folder, 'wskprops'), WHISK_APIHOST: apihost };
      const whisk = async (...args: string[]) => (await run(command, args, { cwd: folder, env })).stdout;
      await whisk('init');
      assert.equal(await whisk('action', 'create', 'hello', 'hello.js'), 'ok: created action hello\n');
      assert.deepEqual(JSON.parse(await whisk('invoke', 'hello', '-r', '-p', 'name', 'you')), {
        greeting: 'Hello you!',
      });
      assert.match(await whisk('activation', 'logs', '--last'), /stdout: greeting you\n$/);
    } finally {
      server.kill('SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
    }
    assert.equal(server.exitCode, 0);
  });
});
