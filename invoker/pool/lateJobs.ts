import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import { SYSTEM_PREFIX } from '../../shared/entities/transaction.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import type { Job } from './Job.js';
import { InvokerStopsError, type StoreWaits } from './StoreWaits.js';

/**
 * Why an activation that waited for long must not run. `recorded`: its controller has given it up. `unknown`: the store does not
 * say whether it has. `left`: the invoker stopped before the store said so.
 */
export type Late =
  | { readonly kind: 'recorded'; readonly record: ActivationRecord }
  | { readonly kind: 'unknown'; readonly response: ActivationResponse }
  | { readonly kind: 'left' };

/** Returns undefined, or a promise of it, if the activation may run. Never rejects. */
export type LateCheck = (job: Job) => Promise<Late | undefined> | undefined;

export interface LateParts {
  readonly read: (namespace: string, activationId: string) => Promise<ActivationRecord | undefined>;
  readonly waits: StoreWaits;
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * Looks for the record of an activation before it runs, if it waited for so long that its controller may have given it up: in the
 * queue, for its image, or for the store. The controller has then recorded it as failed, and nobody would see that it runs.
 */
export function lateCheck({ read, waits, now, log }: LateParts): LateCheck {
  const look = async (job: Job): Promise<Late | undefined> => {
    const { message } = job;
    const { transid, activationId } = message;
    try {
      const record = await waits.untilAnswered(() => read(job.namespace, activationId), job.storeWaitMs);
      if (!record) return undefined;
      log.warn(`activation ${activationId} does not run: it waited for too long, and has a record`, { transid });
      return { kind: 'recorded', record };
    } catch (error) {
      if (error instanceof InvokerStopsError) return { kind: 'left' };
      log.error(`could not look for a record of activation ${activationId}, which waited for long`, { transid, error });
      return { kind: 'unknown', response: whiskError(texts.waitedTooLong) };
    }
  };
  return (job) => {
    const { id, start } = job.message.transid;
    // Controllers record nothing of their own health tests, all of which have the time of the first one.
    return now() - start < safeMs(job) || id.startsWith(SYSTEM_PREFIX) ? undefined : look(job);
  };
}

/**
 * The time in ms from the request on in which no controller gives an activation up. By default they do after 60 s and twice the
 * action's limit, 60 s at least.
 */
const safeMs = ({ action }: Job): number => Math.max(action.timeoutMs, 60_000) + 60_000;
