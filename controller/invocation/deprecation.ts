import { DeprecatedKindError } from '../refusals/refusals.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';

/** Refuses to change or run an action of a deprecated kind. @throws DeprecatedKindError */
export function refuseDeprecated(runtimes: Runtimes, kind: string): void {
  if (runtimes.kinds.get(kind)?.deprecated === true) throw new DeprecatedKindError(kind);
}
