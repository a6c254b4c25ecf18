import { relative, sep } from 'node:path';

/** Folders whose changes do not count: what `npm` and version control write. */
const IGNORED = new Set(['node_modules', '.git', '.palette-whisk', '__pycache__']);

/** The time without a further change after which changes are reported, in ms: editors write a file in several steps. */
const QUIET_MS = 40;

/** Calls `onChange` after changes in a folder. @returns a function that ends it. */
export async function watchFolder(
  folder: string,
  { onChange, onError }: { readonly onChange: () => void; readonly onError: (error: unknown) => void },
): Promise<() => Promise<void>> {
  const { watch } = await import('chokidar');
  const watcher = watch(folder, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) =>
      relative(folder, path)
        .split(sep)
        .some((part) => IGNORED.has(part)),
  });
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, QUIET_MS);
  });
  watcher.on('error', onError);
  await new Promise<void>((resolve) => {
    watcher.once('ready', resolve);
  });
  return async () => {
    clearTimeout(timer);
    await watcher.close();
  };
}
