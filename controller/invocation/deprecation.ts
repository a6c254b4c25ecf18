import { DeprecatedKindError } from '../refusals/refusals.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';

/** Actions of a deprecated kind may be read and deleted, not changed or run. @throws DeprecatedKindError */
export function refuseDeprecated(runtimes: Runtimes, kind: string): void {
  if (runtimes.kinds.get(kind)?.deprecated === true) throw new DeprecatedKindError(kind);
}
