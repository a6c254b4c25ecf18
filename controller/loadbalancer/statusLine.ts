import type { Supervised } from './supervision.js';

/** A line of the log about an invoker. */
export interface StatusLine {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/**
 * The line for the log after an invoker entered another state: the state, and the reason.
 * @param before undefined: the invoker is new.
 * @param offlineAfterMs see `SupervisionOptions`.
 * @returns undefined if the state is the same.
 */
export function statusLine(
  before: Supervised | undefined,
  next: Supervised,
  now: number,
  offlineAfterMs: number,
): StatusLine | undefined {
  if (before?.status === next.status) return undefined;
  const name = `invoker${next.instance.instance}`;
  if (next.status === 'up') return { level: 'info', text: `${name} is up` };
  if (next.status === 'down') {
    const silentMs = now - next.pingedAt;
    if (silentMs > offlineAfterMs) {
      return { level: 'warn', text: `${name} is down: no ping for ${Math.floor(silentMs / 1000)} s` };
    }
    return { level: 'info', text: `${name} is down: its ping says that it is disabled or stops` };
  }
  if (before === undefined || before.status === 'down') {
    return { level: 'info', text: `${name} is ${next.status} until it passes its tests` };
  }
  const reason =
    next.status === 'unhealthy'
      ? 'activations failed by a fault of the invoker'
      : 'activations were not acknowledged in time';
  return { level: 'warn', text: `${name} is ${next.status}: ${reason}; it gets only tests until these succeed` };
}
