import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../logging/Logger.js';

export interface Patience {
  /** What is waited for, in the log. */
  readonly what: string;
  readonly log: Logger;
  isTransient(error: unknown): boolean;
  isClosed(): boolean;
  failed(): void;
}

/** Tries until Kafka answers, and says now and then that it waits. An error that waiting does not mend is thrown. */
export async function untilAnswered<R>(patience: Patience, attempt: () => Promise<R>): Promise<R> {
  for (let tries = 0; ; tries++) {
    if (patience.isClosed()) throw new Error('messaging is closed');
    try {
      return await attempt();
    } catch (error) {
      if (!patience.isTransient(error)) throw error;
      if (tries % 10 === 0) patience.log.warn(`Kafka does not answer; waiting for it (${patience.what})`, { error });
      patience.failed();
      await sleep(Math.min(1000, 100 * 2 ** tries));
    }
  }
}
