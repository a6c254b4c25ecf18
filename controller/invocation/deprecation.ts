import { badRequest, type ApiError } from '../http/ApiError.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';

/** The refusal of an action whose kind is deprecated: it may be read and deleted, not changed or run. */
export function deprecatedRuntime(runtimes: Runtimes, kind: string): ApiError | undefined {
  if (runtimes.kinds.get(kind)?.deprecated !== true) return undefined;
  return badRequest(
    `The '${kind}' runtime is no longer supported. You may read and delete but not update or invoke this action.`,
  );
}
