const MB = 1024 * 1024;

/** A limit that users set within bounds, with the value that holds where they set none. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly std: number;
}

/** The limits of an installation, OpenWhisk's names and defaults (its `application.conf`). */
export interface Limits {
  /** Milliseconds. */
  readonly timeout: Bounds;
  /** Megabytes. */
  readonly memory: Bounds;
  /** Megabytes. */
  readonly logs: Bounds;
  readonly concurrency: Bounds;
  /** Bytes of an invocation's payload, and of an action's result. */
  readonly maxPayloadBytes: number;
  /** What is kept of a result that is over `maxPayloadBytes`. */
  readonly truncationBytes: number;
  /** Bytes of an entity's parameters or annotations. */
  readonly maxParameterBytes: number;
  /** Bytes of an action's code. */
  readonly maxCodeBytes: number;
  /** Components of a sequence, and steps of a conductor. */
  readonly maxSequenceLength: number;
  readonly maxListLimit: number;
  readonly defaultListLimit: number;
  readonly invocationsPerMinute: number;
  readonly concurrentInvocations: number;
  readonly firesPerMinute: number;
  /** How long a blocking invocation waits before it answers 202, in ms. */
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
