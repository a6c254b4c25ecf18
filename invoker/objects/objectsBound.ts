const MB = 1024 * 1024;

/** The part of the bound that objects keep while containers use all user memory, and the most of it. */
const KEPT_PART = 1 / 8;
const MAX_KEPT_BYTES = 64 * MB;

/**
 * The memory that objects may take now, in bytes. It is free user memory, up to the configured bound. A small part is
 * not user memory, but the invoker's own: locks and counters must not vanish because containers use all user memory.
 * @param configuredBytes the bound of the configuration.
 * @param freeBytes the user memory that containers neither use nor wait for.
 */
export function objectsBound(configuredBytes: number, freeBytes: number): number {
  const kept = keptBytes(configuredBytes);
  return kept + Math.min(configuredBytes - kept, Math.max(0, freeBytes));
}

/** The memory in addition to user memory, in bytes. */
export const keptBytes = (configuredBytes: number): number =>
  Math.floor(Math.min(configuredBytes * KEPT_PART, MAX_KEPT_BYTES));
