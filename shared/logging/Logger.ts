import type { TransactionId } from '../entities/transaction.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What a line carries besides its message. `transid` is there for every line that belongs to a request. */
export interface LogFields {
  transid?: TransactionId | undefined;
  error?: unknown;
  [field: string]: unknown;
}

/** Log lines with level, component and transaction id. Secrets never go in. */
export interface Logger {
  /** Whether debug lines are written; ask before building a costly message. */
  readonly debugEnabled: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log under another component's name. */
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
