import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/*
 * The package as others install it: packed by npm, from what is built, and unpacked beside its users' own code.
 */

const run = promisify(execFile);
const root = path.dirname(createRequire(import.meta.url).resolve('palette-whisk/package.json'));

/** A user's module, in strict TypeScript: what the library exports, with the client's own types. */
const USER = `
import openwhisk from 'openwhisk';
import { chainColoring, DagRunError, runDag, virtualWorkers, type Progress, type Scheduler } from 'palette-whisk/coloring';

const step = (id: string, action: string) => ({ id, action });
const dag = { nodes: [step('a', 'fetch'), step('b', 'cut')], edges: [{ from: 'a', to: 'b', weight: 2 }] };
const inTurn: Scheduler = ({ nodes }, workers) => new Map(nodes.map(({ id }, i) => [id, i % workers]));
console.log(JSON.stringify([[...chainColoring(dag).values()], [...virtualWorkers(dag, 2, inTurn).values()]]));

export async function album(): Promise<string | undefined> {
  try {
    const results = await runDag(openwhisk(), dag, chainColoring(dag), {
      invocation: (node, inputs) => ({ action: node.action, params: Object.fromEntries(inputs) }),
      onProgress: ({ node, done }: Progress) => console.log(node, done),
    });
    return String(results.get('b'));
  } catch (error) {
    return error instanceof DagRunError ? error.node : undefined;
  }
}`;

const CONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2023',
    // The client's types name a package that it does not bring.
    skipLibCheck: true,
    types: ['node'],
  },
  files: ['user.ts'],
};

describe('the package', function () {
  this.timeout(600_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'palette-whisk-package-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('has all its commands after npm run build', async () => {
    const { bin } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    const began = Date.now();
    await run('npm', ['run', 'build'], { cwd: root });
    for (const file of Object.values(bin)) {
      const { mtimeMs } = await stat(path.join(root, file));
      assert.ok(mtimeMs >= began, `${file} is older than the build`);
    }
  });

  it('brings the coloring library and its types to a project of its own', async () => {
    const stale = `${randomUUID()}.js`;
    const joinedByTest = path.join(root, `dist/bundle-${randomUUID()}`);
    await mkdir(joinedByTest);
    after(() => rm(joinedByTest, { recursive: true, force: true }));
    await writeFile(path.join(joinedByTest, stale), '');
    for (const name of [stale, `${stale}.123`]) await writeFile(path.join(root, 'dist/bundle', name), '');
    await run('npm', ['run', 'prepack'], { cwd: root });
    const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
    });
    const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
    const names = files.map((file) => file.path);
    for (const name of [
      'dist/bundle/palette-whisk.js',
      'dist/deploy/standalone/controllerChild.js',
      'shared/runtimes/runtimes.json',
      'shared/runtimes/openserverless.json',
      'invoker/runtimes/python/runtime.py',
      'invoker/runtimes/python/packages/palette_objects.py',
      'dist/shared/objects/client/index.js',
      'LICENSE',
      'README.md',
    ]) {
      assert.ok(names.includes(name), name);
    }
    assert.deepEqual(
      names.filter(
        (name) =>
          /^(dist\/)?test\/|tsbuildinfo|^dist\/deploy\/bundle\/|^dist\/bundle-|^dist\/bundle\/manifest/.test(name) ||
          name.includes(stale),
      ),
      [],
    );

    const installed = path.join(folder, 'node_modules/palette-whisk');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', path.join(folder, filename), '-C', installed, '--strip-components=1']);
    for (const name of ['openwhisk', '@types']) {
      await symlink(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
    }
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
    await writeFile(path.join(folder, 'user.ts'), USER);
    const compiled = await run(path.join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
      (error: { stdout?: string }) => assert.fail(error.stdout ?? 'the compiler did not run'),
    );
    assert.equal(compiled.stdout, '');
    const { stdout } = await run(process.execPath, [path.join(folder, 'user.js')]);
    assert.deepEqual(JSON.parse(stdout), [
      ['chain-0', 'chain-0'],
      ['worker-0', 'worker-1'],
    ]);
  });
});
