const MB = 1024 * 1024;

/** The bounds of a limit that users set, and its default. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly std: number;
}

/** The limits of an installation, with the names and defaults of OpenWhisk's `application.conf`. */
export interface Limits {
  /** Milliseconds. */
  readonly timeout: Bounds;
  /** Megabytes. */
  readonly memory: Bounds;
  /** Megabytes. */
  readonly logs: Bounds;
  readonly concurrency: Bounds;
  /** The largest payload of an invocation and the largest result, in bytes. */
  readonly maxPayloadBytes: number;
  /** The size to which a larger result is truncated, in bytes. */
  readonly truncationBytes: number;
  /** The largest parameters or annotations of an entity, in bytes. */
  readonly maxParameterBytes: number;
  /** The largest code of an action, in bytes. */
  readonly maxCodeBytes: number;
  /** The most components of a sequence and steps of a conductor. */
  readonly maxSequenceLength: number;
  readonly maxListLimit: number;
  readonly defaultListLimit: number;
  readonly invocationsPerMinute: number;
  readonly concurrentInvocations: number;
  readonly firesPerMinute: number;
  /** The longest wait of a blocking invocation before the response is 202, in ms. */
  readonly maxBlockingWaitMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  timeout: { min: 100, max: 300_000, std: 60_000 },
  memory: { min: 128, max: 512, std: 256 },
  logs: { min: 0, max: 10, std: 10 },
  concurrency: { min: 1, max: 1, std: 1 },
  maxPayloadBytes: MB,
  truncationBytes: MB,
  maxParameterBytes: MB,
  maxCodeBytes: 48 * MB,
  maxSequenceLength: 50,
  maxListLimit: 200,
  defaultListLimit: 30,
  invocationsPerMinute: 60,
  concurrentInvocations: 30,
  firesPerMinute: 60,
  maxBlockingWaitMs: 60_000,
};
