import { within } from '../../shared/process/within.js';

/** The interval of lines about a wait, in ms. */
const EVERY_MS = 5000;

class WaitError extends Error {
  override name = 'WaitError';
}

export interface Wait {
  /** The awaited event, such as `Kafka to answer`. */
  readonly what: string;
  readonly limitMs: number;
  /** Prints a line for the user at the start of the wait, every 5 s, and at its end. */
  readonly say: (line: string) => void;
  /** The current state, such as the last line of a log. */
  readonly detail?: (() => string) | undefined;
}

/** Waits for `work` and prints the progress. @throws WaitError after the limit; the error of `work`. */
export async function waiting<T>({ what, limitMs, say, detail }: Wait, work: Promise<T>): Promise<T> {
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 1000);
  const known = (): string => {
    const text = detail?.() ?? '';
    return text === '' ? '' : `; ${text}`;
  };
  say(`waiting for ${what}, ${limitMs / 1000} s at most`);
  const timer = setInterval(() => say(`  ${seconds()} s: still waiting for ${what}${known()}`), EVERY_MS);
  try {
    return await within(work, limitMs, () => {
      throw new WaitError(`timed out after ${limitMs / 1000} s waiting for ${what}${known()}`);
    });
  } finally {
    clearInterval(timer);
  }
}
