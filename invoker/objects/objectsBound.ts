const MB = 1024 * 1024;

/** The part of the bound that objects have while containers use all user memory, and the most of it. */
const RESERVE_PART = 1 / 8;
const MAX_RESERVE_BYTES = 64 * MB;

/**
 * The memory that objects may take now, in bytes. It is free user memory, up to the configured bound. A small part is
 * not user memory, but the invoker's own: locks and counters must not vanish because containers use all user memory.
 * @param configuredBytes the bound of the configuration.
 * @param freeBytes the user memory that containers neither use nor wait for. Objects may use it already.
 */
export function objectsBound(configuredBytes: number, freeBytes: number): number {
  const reserve = reserveBytes(configuredBytes);
  return reserve + Math.min(configuredBytes - reserve, Math.max(0, freeBytes));
}

/** The memory in addition to user memory, in bytes. */
export const reserveBytes = (configuredBytes: number): number =>
  Math.floor(Math.min(configuredBytes * RESERVE_PART, MAX_RESERVE_BYTES));

/**
 * The user memory, in whole MB, of objects that are never evicted: containers cannot have it.
 * @param keptBytes the memory of such objects.
 */
export const keptUserMB = (configuredBytes: number, keptBytes: number): number =>
  Math.ceil(Math.max(0, keptBytes - reserveBytes(configuredBytes)) / MB);
