import { within } from '../../shared/process/within.js';

/** How often a wait says that it goes on, in ms. */
const EVERY_MS = 5000;

class WaitError extends Error {
  override name = 'WaitError';
}

export interface Wait {
  /** Such as `Kafka to answer`. */
  readonly what: string;
  readonly limitMs: number;
  /** Gets a line for the user at the start of the wait, every 5 s, and at its end. */
  readonly say: (line: string) => void;
  /** What is known meanwhile, such as the last line of a log. */
  readonly detail?: (() => string) | undefined;
}

/** Says what is waited for and for how long. @throws WaitError after the limit; what `work` throws. */
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
      throw new WaitError(`waited ${limitMs / 1000} s for ${what} in vain${known()}`);
    });
  } finally {
    clearInterval(timer);
  }
}
