import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import { within } from '../../shared/process/within.js';

/**
 * The longest time that an activation is held back, in ms. A flush of a fast disk takes less. On a slow disk, one activation begins
 * after this time, or after a turn of the event loop if that takes longer.
 */
const HOLD_MS = 2;

/**
 * Holds non-blocking activations back while others are being accepted: one begins for each flush of accepted messages.
 *
 * The callers wait for the flush, and the processor could begin many activations meanwhile. The next requests would then wait for
 * these. So a burst is accepted first.
 * @param writing settles when the oldest message that is being written is durable; undefined: no message is being written.
 * @returns for `PoolParts.holdBack` of one pool.
 */
export function acceptFirst(
  writing: () => Promise<void> | undefined,
): (message: Pick<ActivationMessage, 'blocking'>) => Promise<void> | undefined {
  let mayBegin = false;
  let turn: Promise<void> | undefined;
  const untilTurn = async (written: Promise<void>): Promise<void> => {
    await within(
      written.catch(() => {}),
      HOLD_MS,
      () => undefined,
    );
    // The answers to the callers go first.
    await endOfTurn();
    turn = undefined;
    mayBegin = true;
  };
  return ({ blocking }) => {
    if (blocking) return undefined;
    if (mayBegin) {
      mayBegin = false;
      return undefined;
    }
    const written = turn ? undefined : writing();
    if (written) turn = untilTurn(written);
    return turn;
  };
}
