import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Tiers whose processes, and those that they start, write down which lines ran. */
export const COVERED_TIERS: readonly string[] = ['unit', 'integration'];

/** No file in these folders may be under {@link LEAST_LINES} percent of lines. */
const WATCHED = ['shared/messaging', 'shared/store', 'invoker/pool', 'controller/loadbalancer'];
const LEAST_LINES = 90;

/**
 * Prints what share of each source file's lines ran.
 *
 * @param raw the folder where Node wrote its coverage files (`NODE_V8_COVERAGE`)
 * @returns whether each watched file reaches the limit
 */
export function reportCoverage(root: string, raw: string): boolean {
  const c8 = (...options: string[]): boolean =>
    spawnSync(
      process.execPath,
      [join(root, 'node_modules/c8/bin/c8.js'), 'report', '--temp-directory', raw, '--merge-async', ...options],
      { cwd: root, stdio: 'inherit' },
    ).status === 0;
  const include = (folders: readonly string[]) => folders.flatMap((folder) => ['--include', `dist/${folder}/**`]);
  c8('--reporter', 'text', ...include(['controller', 'invoker', 'shared', 'deploy']));
  console.log(`\nEach file of ${WATCHED.join(', ')} needs ${LEAST_LINES} % of its lines:`);
  return c8(
    '--reporter',
    'text-summary',
    '--check-coverage',
    '--per-file',
    '--lines',
    String(LEAST_LINES),
    ...include(WATCHED),
  );
}
