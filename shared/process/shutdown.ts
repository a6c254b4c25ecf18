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
  onStopSignal(
    (signal) => {
      log.info(`${signal}: finishing what runs`);
      const limit = setTimeout(() => {
        log.error(`not finished after ${limitMs} ms: ending`);
        process.exit(1);
      }, limitMs);
      void stopAll(parts, log).then((clean) => {
        clearTimeout(limit);
        process.exit(clean ? 0 : 1);
      });
    },
    (signal) => {
      log.warn(`second ${signal}: ending at once`);
      process.exit(1);
    },
  );
}

/** Under npm a Ctrl-C comes twice: from the terminal, and from npm, which passes it on. */
const SAME_SIGNAL_MS = 500;

/** Calls `first` on the first SIGTERM or SIGINT, and `second` on each that is not the same one passed on. */
export function onStopSignal(first: (signal: NodeJS.Signals) => void, second: (signal: NodeJS.Signals) => void): void {
  let since: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (since === undefined) {
      since = performance.now();
      first(signal);
    } else if (performance.now() - since > SAME_SIGNAL_MS) second(signal);
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
