import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './Api.js';
import { activationRows, activationsOf, type Activation } from './entities.js';

export interface FollowOptions {
  readonly namespace: string;
  /** Only activations of this action; undefined: all. */
  readonly action?: string | undefined;
  /** The earliest start, in ms since the epoch. */
  readonly since: number;
  readonly intervalMs: number;
  readonly stopping: AbortSignal;
  /** Called with activations in the order of their starts. */
  readonly onActivation: (activation: Activation) => void;
}

/** Activations that began up to so many ms before the newest one may be recorded after it. */
const LATE_MS = 60_000;

/** Asks a server for new activations until `stopping` is aborted. @throws CommandError if the server refuses. */
export async function followActivations(api: Api, options: FollowOptions): Promise<void> {
  const { namespace, action, since, intervalMs, stopping } = options;
  // The starts of activations that were seen. Bounded, since old ones are not asked for again.
  const seen = new Map<string, number>();
  let from = since;
  while (!stopping.aborted) {
    const query = new URLSearchParams({ since: String(from), docs: 'true', limit: '0', skip: '0' });
    if (action !== undefined) query.set('name', action);
    const { body } = await api.call(
      'GET',
      `/namespaces/${encodeURIComponent(namespace)}/activations?${query.toString()}`,
    );
    for (const activation of activationsOf(body).toReversed()) {
      if (seen.has(activation.activationId)) continue;
      seen.set(activation.activationId, activation.start);
      from = Math.max(from, activation.start - LATE_MS, since);
      options.onActivation(activation);
    }
    for (const [id, start] of seen) if (start < from) seen.delete(id);
    await sleep(intervalMs, undefined, { signal: stopping }).catch(() => {});
  }
}

/** A time in ms since the epoch, by the server's clock: all activations that it has now began before. */
export async function afterNewest(api: Api): Promise<number> {
  const { body } = await api.call('GET', '/namespaces/_/activations?limit=1&skip=0');
  const [newest] = activationRows(body);
  return newest === undefined ? 0 : newest.start + 1;
}
