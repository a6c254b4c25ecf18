import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_VARIABLE, RunGuardian } from '../../deploy/local/RunGuardian.js';

/** Ends what a bench has started, also if the bench is killed by `kill -9`. */
export interface BenchGuard {
  readonly guardian: RunGuardian;
  /** Is removed at the end of this process, with all that is in it. */
  readonly folder: string;
}

let guard: BenchGuard | undefined;

/**
 * Makes what this process starts from here on end with it: brokers and databases by their environment, and servers that
 * hide theirs if they are added to the guardian.
 */
export function benchGuard(): BenchGuard {
  if (guard) return guard;
  const folder = mkdtempSync(join(tmpdir(), 'palette-bench-'));
  process.env[RUN_VARIABLE] = folder;
  // It acts when this process ends, in order or not.
  const guardian = new RunGuardian(folder);
  guardian.addPath(folder);
  guard = { guardian, folder };
  return guard;
}
