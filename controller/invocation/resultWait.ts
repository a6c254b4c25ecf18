import type { PendingActivation } from '../loadbalancer/LoadBalancer.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { InvocationOutcome } from './Invocation.js';

/*
 * A blocking invocation waits for its acknowledgement on the bus. The acknowledgement may be lost, or the record may be
 * too large for the bus, so the wait polls the store, too:
 *
 *   before the acknowledgement                     every 15 s
 *   after an acknowledgement without the record    after 1, 3, 5 and 7 s, one after the other, then every 15 s
 *
 * When the wait times out, the caller gets the activation id.
 */
const SLOW_POLL_MS = 15_000;
const QUICK_POLLS_MS: readonly number[] = [1000, 3000, 5000, 7000];

export interface ResultWaitParts {
  /** Reads the activation's record from the store. */
  fetch(): Promise<ActivationRecord | undefined>;
  readonly transid: TransactionId;
  readonly log: Logger;
}

/** Resolves to the record, or after `waitMs` to the id. Never rejects. */
export function waitForResult(
  pending: PendingActivation,
  waitMs: number,
  parts: ResultWaitParts,
): Promise<InvocationOutcome> {
  return new Promise((resolve) => {
    let done = false;
    let poll: NodeJS.Timeout | undefined;
    const finish = (outcome: InvocationOutcome): void => {
      done = true;
      clearTimeout(poll);
      clearTimeout(deadline);
      resolve(outcome);
    };
    const deadline = setTimeout(() => void accept(), waitMs);
    const accept = async (): Promise<void> => {
      try {
        await pending.keep?.();
      } catch (error) {
        parts.log.warn('could not make an activation durable: it is lost if this process ends', {
          error,
          activationId: pending.activationId,
        });
      }
      if (!done) finish({ kind: 'accepted', activationId: pending.activationId });
    };

    const look = async (): Promise<void> => {
      try {
        const record = await parts.fetch();
        if (record && !done) finish({ kind: 'record', record: { ...record, logs: [] } });
      } catch (error) {
        parts.log.warn(`could not read the record of activation ${pending.activationId}`, {
          transid: parts.transid,
          error,
        });
      }
    };
    /** The number of the current series of polls. A poll of an earlier series does not schedule another one. */
    let series = 0;
    /** Starts a series of polls: one after each of the delays, in ms, then one every `SLOW_POLL_MS`. */
    const begin = (delays: readonly number[]): void => {
      const own = ++series;
      clearTimeout(poll);
      const schedule = (next: number): void => {
        poll = setTimeout(() => {
          void look().then(() => {
            if (!done && own === series) schedule(next + 1);
          });
        }, delays[next] ?? SLOW_POLL_MS);
      };
      schedule(0);
    };
    if (waitMs > SLOW_POLL_MS) begin([]);

    void pending.result.then((acknowledged) => {
      if (done) return;
      if (acknowledged.kind === 'record') finish(acknowledged);
      else begin(QUICK_POLLS_MS);
    });
  });
}
