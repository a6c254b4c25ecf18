import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { build, type BuildResult, type Plugin } from 'esbuild';

/*
 * Joins the compiled files of the standalone server and of the command `palette-whisk` to few files. Node.js 20 takes
 * more than half a millisecond to find, read and link a module, and a start needs more than 500 of them.
 */

/** The folder of the joined files, below the project's. Its depth below `dist` is part of the joined code: see `ownPaths`. */
const BUNDLE = 'dist/bundle';

/** The processes that are joined, by the name of their file. */
const ENTRIES = {
  standalone: 'dist/deploy/standalone/main.js',
  'palette-whisk': 'dist/deploy/commands/main.js',
};

/**
 * The packages that become part of the joined files: modules of the standard's kind, of which esbuild leaves out what nobody
 * imports, such as the 63 languages of zod (if each file imports `* as z`). The others load from `node_modules`: native code, packages that others may
 * choose, and those whose seldom used parts load later (`deferSeldomUsed`).
 */
const JOINED = new Set(['zod', 'lru-cache', 'croner']);

/** A file that is no longer part of the bundle stays so long, in ms: a server that runs may load it later. */
const KEPT_MS = 86_400_000;

/** The joined files, not yet written. */
export type Bundle = BuildResult<{ write: false; metafile: true }>;

/**
 * Joins the compiled files.
 * @param root the project's folder, with the compiled files in `dist`.
 * @throws the errors of esbuild.
 */
export function bundle(root: string, folder = BUNDLE): Promise<Bundle> {
  return build({
    absWorkingDir: root,
    entryPoints: ENTRIES,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'silent',
    plugins: [ownPaths(join(root, 'dist'), join(root, folder))],
  });
}

/**
 * Writes the joined files, each at once, and those that others import first: a server may start meanwhile. Removes files of
 * earlier bundles.
 */
export async function writeBundle(root: string, folder = BUNDLE): Promise<void> {
  const began = new Date();
  const { outputFiles } = await bundle(root, folder);
  const target = join(root, folder);
  await mkdir(target, { recursive: true });
  const entries = new Set(Object.keys(ENTRIES).map((name) => join(target, `${name}.js`)));
  const ordered = outputFiles.toSorted((a, b) => Number(entries.has(a.path)) - Number(entries.has(b.path)));
  for (const { path, contents } of ordered) {
    const before = await readFile(path).catch(() => undefined);
    if (before?.equals(contents) !== true) {
      const fresh = `${path}.${process.pid}`;
      // `npm link` makes a command executable only once.
      await writeFile(fresh, contents, { mode: entries.has(path) ? 0o755 : 0o644 });
      await rename(fresh, path);
    }
    await utimes(path, began, began);
  }
  for (const name of await readdir(target)) {
    const path = join(target, name);
    const changed = await stat(path).catch(() => undefined);
    if (changed && began.getTime() - changed.mtimeMs > KEPT_MS) await rm(path, { force: true });
  }
}

/** Lets each compiled file find its neighbours as if it were not joined: workers, other processes, data, packages. */
function ownPaths(dist: string, target: string): Plugin {
  const inBundle = (path: string): string => JSON.stringify(relative(target, path).split(sep).join('/'));
  return {
    name: 'own paths',
    setup(esbuild) {
      esbuild.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
        if (kind === 'entry-point') return undefined;
        const [first = '', second = ''] = path.split('/');
        return JOINED.has(first.startsWith('@') ? `${first}/${second}` : first) ? undefined : { path, external: true };
      });
      esbuild.onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(dist + sep)) return undefined;
        const text = await readFile(path, 'utf8');
        const contents = text
          .replaceAll('import.meta.url', `new URL(${inBundle(path)}, import.meta.url).href`)
          .replaceAll('import.meta.dirname', `joinOwnPath(import.meta.dirname, ${inBundle(dirname(path))})`);
        const joins = text.includes('import.meta.dirname');
        return { contents: joins ? `import { join as joinOwnPath } from 'node:path';\n${contents}` : contents };
      });
    },
  };
}
