import { describeError } from '../errors/reasons.js';
import type { LogFields, Logger, LogLevel } from './Logger.js';

/** A log line on its way to the logger of another thread. */
export interface ForwardedLine {
  readonly level: LogLevel;
  readonly component: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A logger that passes its lines on. Errors become text, since a clone of an error loses its class. */
export function forwardingLogger(
  send: (line: ForwardedLine) => void,
  debugEnabled: boolean,
  component = 'palette-whisk',
): Logger {
  const write =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (level === 'debug' && !debugEnabled) return;
      const error = fields?.error;
      send({
        level,
        component,
        message,
        fields: error === undefined ? fields : { ...fields, error: describeError(error) },
      });
    };
  return {
    debugEnabled,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    component: (name) => forwardingLogger(send, debugEnabled, name),
  };
}

/** Writes the line of another thread. */
export function writeForwarded(log: Logger, { level, component, message, fields }: ForwardedLine): void {
  log.component(component)[level](message, fields);
}
