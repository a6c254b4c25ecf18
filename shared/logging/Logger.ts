import type { TransactionId } from '../entities/transaction.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The fields of a log line. Every line of a request has `transid`. */
export interface LogFields {
  transid?: TransactionId | undefined;
  error?: unknown;
  [field: string]: unknown;
}

/** Writes log lines with level, component and transaction id. Lines must never contain secrets. */
export interface Logger {
  /** Whether debug lines are written. To be checked before a costly message is built. */
  readonly debugEnabled: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with another component name. */
  component(name: string): Logger;
}

/** Writes nothing. */
export const silentLogger: Logger = {
  debugEnabled: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
  component: () => silentLogger,
};
