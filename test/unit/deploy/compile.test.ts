import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const source = join(
  dirname(createRequire(import.meta.url).resolve('palette-whisk/package.json')),
  'deploy/compile.mjs',
);

/** A checkout without development dependencies: each program prints what it is. */
describe('a start without esbuild', function () {
  this.timeout(120_000);
  let root: string;
  const file = async (name: string, text: string, second: number): Promise<void> => {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await utimes(path, second, second);
  };
  const node = (...args: string[]): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'palette-whisk-compile-'));
    for (const folder of ['controller', 'invoker', 'shared', 'deploy', 'docs', 'test']) await mkdir(join(root, folder));
    await cp(source, join(root, 'deploy/compile.mjs'));
    await file('package.json', '{"type":"module"}', 1000);
    await file('tsconfig.json', '{}', 1000);
    await file('package-lock.json', '{}', 1000);
    await file('deploy/start.ts', '', 1000);
    await file('dist/.tsbuildinfo', '', 3000);
    await file('dist/deploy/standalone/main.js', "console.log('compiled server')", 3000);
    await file('dist/deploy/commands/main.js', "console.log('compiled command')", 3000);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('runs the joined files if they are newer than the compiled ones', async () => {
    await file('dist/bundle/standalone.js', "console.log('joined server')", 4000);
    const { status, stderr } = node('deploy/compile.mjs');
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    assert.equal(node('dist/bundle/standalone.js').stdout, 'joined server\n');
  });

  it('runs what is compiled without TypeScript too, and says if the sources are newer', async () => {
    await file('dist/bundle/standalone.js', "console.log('joined server')", 4000);
    await file('package-lock.json', '{}', 5000);
    const pruned = node('deploy/compile.mjs');
    assert.deepEqual([pruned.status, pruned.stderr], [0, '']);
    await file('deploy/start.ts', '', 5000);
    const { status, stderr } = node('deploy/compile.mjs');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /older than the sources, since TypeScript is not installed\. .* npm ci && npm run build\n$/);
    assert.equal(node('dist/bundle/standalone.js').stdout, 'joined server\n');
  });

  for (const state of ['old', 'missing']) {
    it(`runs the compiled files and says so, if the joined ones are ${state}`, async () => {
      if (state === 'old') {
        await file('dist/bundle/standalone.js', "console.log('old server')", 2000);
        await file('dist/bundle/palette-whisk.js', "console.log('old command')", 2000);
      }
      for (let start = 0; start < 2; start++) {
        const { status, stderr } = node('deploy/compile.mjs');
        assert.equal(status, 0, stderr);
        assert.match(stderr, /compiled files, since esbuild is not installed: .* npm ci && npm run build\n$/);
        assert.equal(node('dist/bundle/standalone.js').stdout, 'compiled server\n');
        assert.equal(node('dist/bundle/palette-whisk.js').stdout, 'compiled command\n');
      }
      assert.ok(
        (await stat(join(root, 'dist/bundle/palette-whisk.js'))).mode & 0o100,
        'a linked command stays executable',
      );
    });
  }
});
