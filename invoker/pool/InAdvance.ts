import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import type { Containers } from './Containers.js';
import { placeInAdvance } from './decide.js';
import type { PoolMetrics } from './InvokerMetrics.js';
import { newJob, type Job } from './Job.js';
import type { PooledContainer } from './PooledContainer.js';
import { prepare, type PrepareParts } from './prepare.js';
import { unlock, type Decrypt } from './protocol.js';

export interface InAdvanceParts extends PrepareParts {
  readonly decrypt: Decrypt;
  readonly metrics: PoolMetrics;
}

/** Creates and initializes containers of an action for activations to come. */
export class InAdvance {
  readonly #parts: InAdvanceParts;
  readonly #containers: Containers;
  readonly #onWarm: (entry: PooledContainer) => void;

  /** @param onWarm called when a container is ready for activations. */
  constructor(parts: InAdvanceParts, containers: Containers, onWarm: (entry: PooledContainer) => void) {
    // No activation begins: the journal must not record one, and no line is of one.
    this.#parts = { ...parts, journal: undefined, onLine: undefined, late: undefined };
    this.#containers = containers;
    this.#onWarm = onWarm;
  }

  /**
   * Starts containers until the action has `wanted` of them or memory is full. Evicts nothing.
   * @param received an earlier activation of the action, whose parameters `/init` needs.
   * @param predicted whether the prediction of idle times asked for them.
   */
  prepare(received: ActivationMessage, action: ExecutableAction, wanted: number, predicted: boolean): void {
    const { log, decrypt } = this.#parts;
    const { transid } = received;
    let job: Job;
    try {
      job = newJob(unlock(received, decrypt), action, 0, { done: () => undefined, leave: () => undefined });
    } catch (error) {
      log.warn(`could not prepare containers of ${action.path}`, { transid, error });
      return;
    }
    const { table } = this.#containers;
    for (let place = placeInAdvance(table, job, wanted); place; place = placeInAdvance(table, job, wanted)) {
      this.#start(job, place.kind === 'stemCell' ? place.entry : undefined, predicted);
    }
  }

  #start(job: Job, cell: PooledContainer | undefined, predicted: boolean): void {
    const containers = this.#containers;
    if (cell) containers.table.take(cell, job.key, job.action.concurrency);
    const entry = cell ?? containers.createFor(job);
    entry.predicted = predicted;
    const prepared = prepare(this.#parts, containers, entry, job, cell !== undefined);
    entry.prepared = prepared;
    void prepared.then(({ kind }) => {
      if (kind !== 'ok') return containers.remove(entry);
      if (predicted) this.#parts.metrics.predicted('prepared');
      else this.#parts.metrics.prepared();
      // Its time until the pause begins now.
      entry.lastUsed = this.#parts.now();
      this.#onWarm(entry);
    });
  }
}
