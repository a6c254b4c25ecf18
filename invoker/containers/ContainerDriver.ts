/**
 * Where containers come from. Docker and local processes pass the same behavioural suite.
 *
 * A container speaks OpenWhisk's action protocol: HTTP `POST /init` once, then `POST /run`; after each run, and
 * after an initialization that failed, it ends its stdout and its stderr with the log sentinel
 * `XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX`. What a successful initialization logs belongs to the first run.
 */
export interface ContainerDriver {
  readonly name: 'docker' | 'process';
  /** Destroys what an earlier run of the same owner left behind; resolves to how many there were. */
  removeLeftovers(): Promise<number>;
  /**
   * Starts a container and resolves once its address is known (it may not listen yet: `post` waits for that).
   * @throws ContainerStartError
   */
  create(spec: ContainerSpec): Promise<Container>;
  /** Destroys every container made here that is still there. */
  close(): Promise<void>;
}

export interface ContainerSpec {
  /** Unique, speaking: who owns it, what for. */
  readonly name: string;
  readonly image: ContainerImage;
  readonly memoryMB: number;
  /** Environment variables of the whole container, such as `__OW_API_HOST`. */
  readonly environment: Readonly<Record<string, string>>;
  /** How many `/run` may be under way at once. */
  readonly concurrency: number;
}

export interface ContainerImage {
  /** The runtime's kind in the manifest, or `blackbox`. */
  readonly kind: string;
  /** As `docker pull` takes it. */
  readonly reference: string;
  /** A user's own image: pulled before each cold start, where its tag asks for it. */
  readonly pull: boolean;
}

export interface Container {
  readonly id: string;
  /** Whether the container is still there, as far as the driver has seen. */
  readonly running: boolean;
  /**
   * Whether its runtime signs the ends of its logs. Only then the next run may begin before the logs of the last one are
   * collected: a plain sentinel may be the action's own text.
   */
  readonly signsLogs: boolean;
  /** Resolves when the driver sees that the container is gone, whoever ended it. Never rejects. */
  readonly exited: Promise<void>;
  /**
   * Sends a request to the container's proxy. `/init` is tried again while the container does not listen yet (connection
   * refused), until the time is over; `/run` is sent once.
   * @param body JSON text.
   * @throws ContainerTimeoutError, ContainerConnectionError
   */
  post(path: '/init' | '/run', body: string, options: PostOptions): Promise<ContainerResponse>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Removes it, however it is; a second call does nothing. */
  destroy(): Promise<void>;
  /**
   * The log lines since the last call, up to the sentinels of both streams, as OpenWhisk writes them
   * (`TIMESTAMP stdout: text`). With `expectSentinels: false` (a crash, a timeout) what is there is taken.
   * Past `maxBytes` lines are dropped and the last line is the truncation notice; where the sentinels do not come in
   * time, the last line says that data might be missing.
   */
  collectLogs(options: LogOptions): Promise<CollectedLogs>;
}

export interface PostOptions {
  /** For the whole of it, waiting included. */
  readonly timeoutMs: number;
  /** A longer response is cut off, and said so in `truncated`. */
  readonly maxResponseBytes: number;
  /** How much is kept of a response that is cut off. */
  readonly truncationBytes: number;
}

export interface CollectedLogs {
  readonly lines: string[];
  /** False where lines are missing: truncated, or the sentinels did not come. */
  readonly complete: boolean;
  /** Lines that earlier activations left over, and that were dropped when this activation began. */
  readonly leftover: number;
}

export interface LogOptions {
  maxBytes: number;
  expectSentinels: boolean;
  /** How long to wait for the sentinels. */
  timeoutMs: number;
}

export interface ContainerResponse {
  readonly status: number;
  readonly body: string;
  /** The runtime took the container's token: it signs its sentinels, and runs nothing for a caller without the token. */
  readonly tokenAccepted?: boolean;
  /** Where the response was longer than asked for: its whole length as far as it is known, and the limit, in bytes. */
  readonly truncated?: { readonly length: number; readonly limit: number };
}

/**
 * The container could not be made. `imageFault`: the fault is the image's: it could not be had, or it does not start.
 * `remains`: where something of the container may be left, what removes it; the caller tries until it resolves.
 */
export class ContainerStartError extends Error {
  override readonly name = 'ContainerStartError';
  readonly imageFault: boolean;
  /** It started, and ended before it could be used. */
  readonly endedAtOnce: boolean;
  readonly remains: { destroy(): Promise<void> } | undefined;
  constructor(
    message: string,
    options: {
      imageFault?: boolean;
      endedAtOnce?: boolean;
      cause?: unknown;
      remains?: { destroy(): Promise<void> } | undefined;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.endedAtOnce = options.endedAtOnce ?? false;
    this.imageFault = options.imageFault ?? false;
    this.remains = options.remains;
  }
}

/** No answer in time. */
export class ContainerTimeoutError extends Error {
  override readonly name = 'ContainerTimeoutError';
}

/**
 * Why there was no response. `refused`: nobody listens, and the container has not seen the request. `broken`: the
 * connection ended without a whole response (one without a length counts as none). `outOfMemory`: it broke because the
 * container was killed for exceeding its memory.
 */
export type ConnectionFailure = 'refused' | 'broken' | 'outOfMemory';

/** The container is gone, or never listened. */
export class ContainerConnectionError extends Error {
  override readonly name = 'ContainerConnectionError';
  readonly failure: ConnectionFailure;
  constructor(failure: ConnectionFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
