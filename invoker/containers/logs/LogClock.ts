/**
 * The timestamps of logs, `2026-11-21T03:08:37.177253561Z`: the wall clock with the finer digits of the monotonic
 * clock, so that lines of the same millisecond keep their order.
 */
export class LogClock {
  #offset = performance.timeOrigin;

  readonly now = (): string => {
    const fine = performance.now();
    const wall = Date.now();
    // The wall clock was changed, or the two clocks have drifted apart.
    if (Math.abs(this.#offset + fine - wall) > 2) this.#offset = wall - fine;
    return formatTime(this.#offset + fine);
  };
}

/** Formats a time in ms with fractions as ISO 8601 with nine fractional digits. */
export function formatTime(ms: number): string {
  const whole = Math.floor(ms);
  const nanos = Math.floor((ms - whole) * 1e6);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(nanos).padStart(6, '0')}Z`;
}
