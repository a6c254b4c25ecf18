import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
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

/** How long a file stays after it has left the bundle, in ms: a running server may still load it. */
const KEPT_MS = 86_400_000;

/** The names of the bundle's files, beside them. */
const MANIFEST = 'manifest.json';

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
 * Writes the joined files, each at once, and those that others import first: a server may start meanwhile.
 * @param keptMs how long a file stays after it has left the bundle
 */
export async function writeBundle(root: string, folder = BUNDLE, keptMs = KEPT_MS): Promise<void> {
  const began = new Date();
  const { outputFiles } = await bundle(root, folder);
  const target = join(root, folder);
  await mkdir(target, { recursive: true });
  const entries = new Set(Object.keys(ENTRIES).map((name) => join(target, `${name}.js`)));
  const ordered = outputFiles.toSorted((a, b) => Number(entries.has(a.path)) - Number(entries.has(b.path)));
  const earlier = await namesIn(target);
  for (const { path, contents } of ordered) {
    const before = await readFile(path).catch(() => undefined);
    if (before?.equals(contents) !== true) {
      // `npm link` makes a command executable only once.
      await replace(path, contents, entries.has(path) ? 0o755 : 0o644);
    }
    await utimes(path, began, began);
  }
  const current = new Set(ordered.map(({ path }) => basename(path)));
  const left = [...earlier].filter((name) => !current.has(name));
  // The modification time of a file outside the bundle says when the file left it.
  for (const name of left) await utimes(join(target, name), began, began).catch(() => undefined);
  await replace(join(target, MANIFEST), JSON.stringify([...current]), 0o644);
  for (const name of await readdir(target)) {
    if (name === MANIFEST || current.has(name)) continue;
    const path = join(target, name);
    const changed = await stat(path).catch(() => undefined);
    if (changed && began.getTime() - changed.mtimeMs >= keptMs) await rm(path, { force: true });
  }
}

/** The names of the bundle that is there: all files, if it has no list of them. */
async function namesIn(target: string): Promise<ReadonlySet<string>> {
  try {
    const names: unknown = JSON.parse(await readFile(join(target, MANIFEST), 'utf8'));
    if (Array.isArray(names))
      return new Set(names.filter((name) => typeof name === 'string').map((name) => basename(name)));
  } catch {
    // It is missing, or was not written to its end.
  }
  return new Set(await readdir(target));
}

/** Writes a file at once. */
async function replace(path: string, contents: Uint8Array | string, mode: number): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, contents, { mode });
  await rename(fresh, path);
}

/** Lets each compiled file find its neighbours as if it were not joined: workers, other processes, data, packages. */
function ownPaths(dist: string, target: string): Plugin {
  const loaded = new Set<string>();
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
        loaded.add(path);
        const text = await readFile(path, 'utf8');
        const contents = text
          .replaceAll('import.meta.url', `new URL(${inBundle(path)}, import.meta.url).href`)
          .replaceAll('import.meta.dirname', `joinOwnPath(import.meta.dirname, ${inBundle(dirname(path))})`);
        const joins = text.includes('import.meta.dirname');
        return { contents: joins ? `import { join as joinOwnPath } from 'node:path';\n${contents}` : contents };
      });
      esbuild.onEnd(({ metafile }) => {
        const root = dirname(dist);
        for (const input of Object.keys(metafile?.inputs ?? {})) {
          if (/(^|\/)node_modules\//.test(input) || loaded.has(join(root, input))) continue;
          const text = `${input} is a compiled file outside of ${dist}, of which a symbolic link is a part: join in the folder itself`;
          return { errors: [{ text }] };
        }
        return undefined;
      });
    },
  };
}
