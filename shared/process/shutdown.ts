import type { Logger } from '../logging/Logger.js';

/** One thing to stop, and what it is called where it does not. */
export interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

/**
 * Stops a process gracefully on the first SIGTERM or SIGINT, one part after the other in the order given, and at once
 * on the second. Whatever is not stopped after `limitMs` is left: exit code 1.
 */
export function stopOnSignals(parts: readonly Stoppable[], limitMs: number, log: Logger): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.warn(`second ${signal}: ending at once`);
      process.exit(1);
    }
    stopping = true;
    log.info(`${signal}: finishing what runs`);
    const limit = setTimeout(() => {
      log.error(`not finished after ${limitMs} ms: ending`);
      process.exit(1);
    }, limitMs);
    void stopAll(parts, log).then((clean) => {
      clearTimeout(limit);
      process.exit(clean ? 0 : 1);
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Stops every part, also those after one that failed. Resolves to whether all of them stopped. */
export async function stopAll(parts: readonly Stoppable[], log: Logger): Promise<boolean> {
  let clean = true;
  for (const part of parts) {
    try {
      await part.stop();
    } catch (error) {
      clean = false;
      log.error(`${part.name} did not stop cleanly`, { error });
    }
  }
  return clean;
}
