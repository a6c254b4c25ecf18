import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { bundle, writeBundle, type Bundle } from '../../../deploy/bundle/bundle.js';
import { programVersion } from '../../../shared/process/version.js';

const root = dirname(createRequire(import.meta.url).resolve('palette-whisk/package.json'));

/** The modules that a start imports at run time. */
const STARTED = [
  'activity/activity',
  'activity/LineQueue',
  'activity/paint',
  'controller',
  'invoker',
  'serverModules',
].map((name) => `dist/deploy/standalone/${name}.js`);
const WITH_DOCKER = ['dist/deploy/standalone/dockerModules.js', 'dist/invoker/containers/docker/detect.js'];
const WITH_PROCESSES = ['dist/deploy/standalone/processModules.js', 'dist/invoker/containers/process/sandbox.js'];

/** What a start loads. */
interface Loaded {
  /** The joined files. */
  readonly files: ReadonlySet<string>;
  /** The files of which they have code. */
  readonly inputs: ReadonlySet<string>;
  readonly packages: readonly string[];
}

/** What an entry loads with all its imports, and with the imports at run time of `modules`. */
function loadedBy({ metafile: { outputs } }: Bundle, entry: string, modules: readonly string[]): Loaded {
  const files = new Set<string>();
  const inputs = new Set<string>();
  const packages = new Set<string>();
  const visit = (name: string): void => {
    const output = outputs[name];
    if (!output || files.has(name)) return;
    files.add(name);
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) if (bytesInOutput > 0) inputs.add(input);
    for (const { path, kind, external } of output.imports) {
      if (kind !== 'import-statement') continue;
      if (external !== true) visit(path);
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  const started = new Set(modules);
  for (const [name, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint !== undefined && (entryPoint === entry || started.delete(entryPoint))) visit(name);
  }
  // Some of these are part of another joined file, and need no file of their own.
  assert.deepEqual(
    [...started].filter((name) => !inputs.has(name)),
    [],
  );
  return { files, inputs, packages: [...packages].toSorted() };
}

describe('the joined files of a server', function () {
  this.timeout(300_000);
  let joined: Bundle;
  before(async () => (joined = await bundle(root)));
  const started = (modules: readonly string[]): Loaded =>
    loadedBy(joined, 'dist/deploy/standalone/main.js', [...STARTED, ...modules]);

  it('load few files and few packages at a start', () => {
    const ours = ['content-type', 'express', 'lmdb', 'negotiator', 'prom-client', 'winston'];
    const docker = started(WITH_DOCKER);
    assert.deepEqual(docker.packages, [...ours, 'dockerode'].toSorted());
    assert.deepEqual(started(WITH_PROCESSES).packages, ours);
    assert.ok(docker.files.size <= 70, `${docker.files.size} files`);
    assert.ok(docker.inputs.size > 400, 'the list is that of a server');
  });

  it('leave out what a start does not need', () => {
    const { inputs } = started([...WITH_DOCKER, ...WITH_PROCESSES]);
    const needless = [
      /zod\/v4\/locales\/(?!en\.js)/,
      /^dist\/controller\/(apidocs\/(document|swagger|page)|simulate)/,
      /^dist\/deploy\/(commands|local)\//,
      /^dist\/deploy\/standalone\/(threads|controllers|ControllerProcess|InvokerThread)\.js/,
      /^dist\/invoker\/containers\/oci\/open/,
      /^dist\/shared\/messaging\/(kafkajs|platformatic)\//,
      /^dist\/shared\/store\/couchdb\//,
    ];
    assert.deepEqual(
      [...inputs].filter((input) => needless.some((pattern) => pattern.test(input))),
      [],
    );
  });

  it('handle signals before they load the server', () => {
    const { inputs, packages } = loadedBy(joined, 'dist/deploy/standalone/main.js', []);
    assert.deepEqual(packages, []);
    assert.ok(inputs.has('dist/shared/process/Lifecycle.js'));
    assert.ok(inputs.size < 10, [...inputs].join());
  });

  it('find their workers and data only if they are joined in the folder of the compiled files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pw-bundle-'));
    try {
      await symlink(root, join(folder, 'link'));
      await assert.rejects(bundle(join(folder, 'link')), /a symbolic link is a part: join in the folder itself/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  describe('are written', () => {
    // Packages are found, and own paths hold, at this depth only.
    const folder = `dist/bundle-${randomUUID()}`;
    const path = (name: string): string => join(root, folder, name);
    const names = async (): Promise<string[]> => (await readdir(join(root, folder))).toSorted();
    const add = async (name: string, ageMs: number): Promise<void> => {
      await writeFile(path(name), '');
      const time = new Date(Date.now() - ageMs);
      await utimes(path(name), time, time);
    };
    let first: string[];
    before(async () => {
      await writeBundle(root, folder);
      first = await names();
    });
    after(() => rm(join(root, folder), { recursive: true, force: true }));

    it('as programs that run', async () => {
      for (const name of ['standalone', 'palette-whisk']) {
        const { stdout } = await promisify(execFile)(process.execPath, [path(`${name}.js`), '--version']);
        assert.equal(stdout, `${programVersion()}\n`);
        assert.ok((await stat(path(`${name}.js`))).mode & 0o100, 'a linked command stays executable');
      }
    });

    it('beside those of an earlier time, which a running server may still load', async () => {
      await add('recent.js', 3_600_000);
      await add('old.js', 100_000_000);
      await writeBundle(root, folder);
      assert.deepEqual(await names(), [...first, 'recent.js'].toSorted());
    });

    it('beside those that leave the bundle, however old', async () => {
      await add('left.js', 100_000_000);
      await writeFile(path('manifest.json'), JSON.stringify([...(await names()), 'left.js']));
      for (let time = 0; time < 2; time++) {
        await writeBundle(root, folder);
        assert.ok((await names()).includes('left.js'));
      }
      await add('left.js', 100_000_000);
      await writeBundle(root, folder);
      assert.ok(!(await names()).includes('left.js'));
      // Those of a bundle without a list may all have just left.
      await add('unlisted.js', 100_000_000);
      await rm(path('manifest.json'));
      await writeBundle(root, folder);
      assert.ok((await names()).includes('unlisted.js'));
    });

    it('alone for a package', async () => {
      await add('recent.js', 1000);
      await add('standalone.js.123', 1000);
      await writeBundle(root, folder, 0);
      assert.deepEqual(await names(), first);
    });
  });
});
