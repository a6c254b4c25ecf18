import type { Logger } from '../../../../../shared/logging/Logger.js';

/** A logger that keeps its lines: `warn: text`. */
export function recordingLogger(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level}: ${message}`);
  const log: Logger = {
    debugEnabled: false,
    debug: () => undefined,
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    component: () => log,
  };
  return { log, lines };
}
