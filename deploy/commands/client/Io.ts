import type { Paint } from '../../standalone/activity/paint.js';

/** What a command uses of its process. */
export interface Io {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** The home folder of the user. */
  readonly home: string;
  /** Writes to the standard output, without adding a line break. */
  out(text: string): void;
  /** Writes to the standard error, without adding a line break. */
  err(text: string): void;
  /** The styles of the standard output. */
  readonly paint: Paint;
  /** Aborted when the user stops the command. */
  readonly stopping: AbortSignal;
}
