/**
 * Creates containers. The drivers for Docker, for OCI runtimes and for local processes pass the same behavioural suite.
 *
 * A container implements OpenWhisk's action protocol: HTTP `POST /init` once, then `POST /run`. After each run, and
 * after a failed initialization, it writes the sentinel `XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX` to stdout and stderr.
 * The logs of a successful initialization belong to the first run.
 *
 * Our Node.js runtime leaves out the sentinels of a run that wrote nothing; see `ContainerResponse.silent`.
 */
export interface ContainerDriver {
  readonly name: 'docker' | 'oci' | 'process';
  /** Destroys the containers of an earlier run of the same owner. Resolves to their number. */
  removeLeftovers(): Promise<number>;
  /**
   * Starts a container. Resolves once its address is known. It may not listen yet; `post` waits for that.
   * @throws ContainerStartError
   */
  create(spec: ContainerSpec): Promise<Container>;
  /**
   * The path at which containers with this `ContainerSpec.sharedFolder` see it. Undefined or missing: they cannot see
   * folders of this machine.
   */
  seenAt?(sharedFolder: string): string | undefined;
  /** Destroys all remaining containers of this driver. */
  close(): Promise<void>;
}

export interface ContainerSpec {
  /** A unique name that contains the owner and the purpose. */
  readonly name: string;
  readonly image: ContainerImage;
  readonly memoryMB: number;
  /** Environment variables of the container, such as `__OW_API_HOST`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The most concurrent requests to `/run`. */
  readonly concurrency: number;
  /** A folder of this machine that the container may read, with sockets that it may use; see `seenAt`. */
  readonly sharedFolder?: string | undefined;
}

export interface ContainerImage {
  /** The runtime's kind in the manifest, or `blackbox`. */
  readonly kind: string;
  /** The reference for `docker pull`. */
  readonly reference: string;
  /** Whether it is a user's own image. Depending on its tag it is pulled before each cold start. */
  readonly pull: boolean;
}

export interface Container {
  readonly id: string;
  /** Whether the container runs, as far as the driver knows. */
  readonly running: boolean;
  /**
   * Whether its runtime signs its sentinels. Only then the next run may start before the logs of the last one are
   * collected, since an action may print an unsigned sentinel.
   */
  readonly signsLogs: boolean;
  /** Resolves when the driver sees that the container has ended, for any reason. Never rejects. */
  readonly exited: Promise<void>;
  /**
   * Resolves when its processes have ended, so that its memory is free; at the end of `destroy` at the latest, and
   * never if `destroy` fails. Never rejects.
   */
  readonly released: Promise<void>;
  /**
   * Sends a request to the container's proxy. Retries `/init` until the timeout while the container refuses
   * connections. Sends `/run` only once.
   * @param body JSON.
   * @throws ContainerTimeoutError, ContainerConnectionError
   */
  post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Removes the container in any state. A second call has no effect. */
  destroy(): Promise<void>;
  /**
   * The log lines since the last call, up to the sentinels of both streams, in OpenWhisk's form (`TIMESTAMP stdout:
   * text`). With `expectSentinels: false` (after a crash or a timeout) a silence ends the wait for sentinels, too. Drops
   * lines beyond `maxBytes`; then the last line is the truncation notice. If expected sentinels do not arrive in time, the
   * last line says that data might be missing.
   */
  collectLogs(options: LogOptions): Promise<CollectedLogs>;
}

export interface PostOptions {
  /** The limit for the whole request, including waits. */
  readonly timeoutMs: number;
  /** A longer response is truncated; `truncated` is set then. */
  readonly maxResponseBytes: number;
  /** The bytes to keep of a truncated response. */
  readonly truncationBytes: number;
  /** For responses that are not parsed here; missing: each is a text. */
  readonly large?: LargeResponses | undefined;
  /** Is told the lines of the activation's log while it runs. Missing: nobody wants to know, and it costs nothing. */
  readonly onLine?: LineListener | undefined;
}

/**
 * Is told each complete line of an activation's log while it runs, in the form of `CollectedLogs.lines`. `sure` is false
 * if other activations run in the same container: then the line may be theirs. Must be quick and must not throw.
 */
export type LineListener = (line: string, sure: boolean) => void;

/** Responses that are kept as bytes. */
export interface LargeResponses {
  /** Responses of more bytes. */
  readonly over: number;
  /** Waits until there is memory for a response of so many bytes. @throws when there is none. */
  readonly admit: (bytes: number) => Promise<void>;
}

export interface CollectedLogs {
  readonly lines: string[];
  /** False if lines are missing: the logs are truncated, or the sentinels did not arrive. */
  readonly complete: boolean;
  /** Lines of earlier activations that were dropped when this activation started. */
  readonly leftover: number;
}

export interface LogOptions {
  maxBytes: number;
  expectSentinels: boolean;
  /** If no sentinels are expected: the silence that ends the wait, in ms. Default: 20. */
  quietMs?: number;
  /** The longest wait for the sentinels. */
  timeoutMs: number;
}

/** A body that is written piece by piece: one of tens of MB would hold up the process. */
export interface BodyInPieces {
  /** Of all pieces together. */
  readonly bytes: number;
  /**
   * The pieces from the first one on; a request that is tried again asks again, which `/run` never is. Another piece is
   * asked for when the system has all bytes of the earlier ones, and never if the connection closes before: the memory of those
   * bytes may be used again then, and only then.
   */
  pieces(): AsyncIterable<Uint8Array>;
}
/** Text, or pieces. */
export type RequestBody = string | BodyInPieces;

export interface ContainerResponse {
  readonly status: number;
  readonly body: string;
  /** A large response (see `PostOptions.large`), in place of `body`, which is empty then. */
  readonly bytes?: Buffer | undefined;
  /**
   * Whether the runtime accepted the container's token: it signs its sentinels and refuses callers without the token.
   */
  readonly tokenAccepted?: boolean;
  /** Whether the run wrote nothing, and no sentinels follow: `collectLogs` must not be called for it. */
  readonly silent?: boolean;
  /** For a truncated response: its whole length, as far as known, and the limit, in bytes. */
  readonly truncated?: { readonly length: number; readonly limit: number };
}

/**
 * The container did not start. `imageFault`: the image cannot be pulled or does not start. `remains`: removes parts of
 * the container that may be left; the caller must retry until it resolves.
 */
export class ContainerStartError extends Error {
  override readonly name = 'ContainerStartError';
  readonly imageFault: boolean;
  /** Whether it started but ended before it could be used. */
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

/** The container did not respond in time. */
export class ContainerTimeoutError extends Error {
  override readonly name = 'ContainerTimeoutError';
}

/**
 * Why a request failed. `refused`: the container does not listen and has not got the request. `broken`: the connection
 * ended without a complete response, or the response has no length. `outOfMemory`: the connection broke because the
 * container was killed for exceeding its memory.
 */
export type ConnectionFailure = 'refused' | 'broken' | 'outOfMemory';

/** The container is gone or never listened. */
export class ContainerConnectionError extends Error {
  override readonly name = 'ContainerConnectionError';
  readonly failure: ConnectionFailure;
  constructor(failure: ConnectionFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
