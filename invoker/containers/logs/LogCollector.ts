import type { CollectedLogs, ContainerResponse, LineListener, LogOptions } from '../ContainerDriver.js';
import { ListenersAtOnce, ListenersInTurn, type LineListeners } from './LineListeners.js';
import { LogBuffer, NOTICES, type StreamName } from './LogBuffer.js';
import { LogClock } from './LogClock.js';

/** More than the log limit of any action. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** The default of `LogOptions.quietMs`. */
const QUIET_MS = 20;

interface Waiter {
  readonly options: LogOptions;
  readonly resolve: (logs: CollectedLogs) => void;
  timer: NodeJS.Timeout;
}

export interface LogCollectorOptions {
  /** The size of the buffer of each stream. */
  readonly bufferBytes?: number | undefined;
  /** The container's token, if its runtime may sign sentinels. */
  readonly token?: string | undefined;
  /** Whether the container runs several activations at a time. Missing: one. */
  readonly overlapping?: boolean | undefined;
}

/** Reads the two log streams of one container and splits them by activation, in the order of the calls. */
export class LogCollector {
  readonly #clock = new LogClock();
  readonly #buffer: LogBuffer;
  readonly #overlapping: boolean;
  readonly #waiters = new Set<Waiter>();
  /** Undefined until there is a first listener. */
  #listeners: LineListeners | undefined;
  #writes = 0;
  #ended = false;
  #ran = false;
  #leftover = 0;
  /** The number of started activations whose logs were not taken. */
  #uncollected = 0;
  /** The first possible position of the running activation's logs, while those of the last one were not taken. */
  #begun: number | undefined;

  constructor({ bufferBytes = BUFFER_BYTES, token, overlapping = false }: LogCollectorOptions = {}) {
    this.#overlapping = overlapping;
    this.#buffer = new LogBuffer(bufferBytes, token);
  }

  /** Whether only signed sentinels count. */
  get signed(): boolean {
    return this.#buffer.signedOnly;
  }

  /** To be called when the runtime confirms that it signs its sentinels: then only signed ones count. */
  requireSigned(): void {
    this.#buffer.requireSigned();
  }

  /**
   * Sends a request to the container. The lines until its sentinels belong to its activation.
   * @param listener is told these lines as they arrive.
   */
  during(
    path: '/init' | '/run',
    listener: LineListener | undefined,
    send: () => Promise<ContainerResponse>,
  ): Promise<ContainerResponse> {
    if (listener) this.#listen(path, listener);
    if (path === '/run' && !this.#overlapping) this.begin();
    return this.#untilAnswer(path, listener, send);
  }

  async #untilAnswer(
    path: '/init' | '/run',
    listener: LineListener | undefined,
    send: () => Promise<ContainerResponse>,
  ): Promise<ContainerResponse> {
    let silent = false;
    try {
      const response = await send();
      if (path === '/init' && response.tokenAccepted) this.requireSigned();
      silent = response.silent === true;
      return response;
    } finally {
      // Its logs are not collected.
      if (silent && !this.#overlapping) this.#uncollected -= 1;
      if (listener) this.#listeners?.end(listener, silent);
    }
  }

  #listen(path: '/init' | '/run', listener: LineListener): void {
    this.#listeners ??= this.#overlapping ? new ListenersAtOnce() : new ListenersInTurn(() => this.#uncollected === 0);
    this.#buffer.events ??= this.#listeners;
    this.#listeners.begin(path, listener);
  }

  /**
   * To be called at the start of an activation that has the container alone. Drops the remaining lines of earlier
   * activations. The first activation keeps them, since the initialization wrote them. If the logs of the last
   * activation are not collected yet, the remaining lines so far are dropped after their collection.
   */
  begin(): void {
    if (this.#uncollected > 0) this.#begun = this.#buffer.position;
    else if (this.#ran) this.#leftover += this.#buffer.dropLeftovers();
    this.#uncollected += 1;
    this.#ran = true;
  }

  write(stream: StreamName, chunk: Buffer): void {
    this.#writes += 1;
    this.#buffer.write(stream, chunk, this.#clock.now);
    for (const waiter of this.#waiters) {
      if (!this.#buffer.complete) break;
      this.#settle(waiter);
    }
  }

  /** To be called at the end of the streams. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) this.#settle(waiter);
  }

  /** See `Container.collectLogs`. */
  collect(options: LogOptions): Promise<CollectedLogs> {
    if (this.#ended || (this.#waiters.size === 0 && this.#buffer.complete)) {
      return Promise.resolve(this.#take(options));
    }
    return new Promise((resolve) => {
      const waiter: Waiter = { options, resolve, timer: setTimeout(() => this.#settle(waiter), options.timeoutMs) };
      this.#waiters.add(waiter);
      if (!options.expectSentinels) this.#awaitQuiet(waiter, performance.now() + options.timeoutMs);
    });
  }

  #awaitQuiet(waiter: Waiter, deadline: number): void {
    const before = this.#writes;
    const { quietMs = QUIET_MS } = waiter.options;
    clearTimeout(waiter.timer);
    waiter.timer = setTimeout(() => {
      if (this.#writes === before || performance.now() >= deadline) this.#settle(waiter);
      else this.#awaitQuiet(waiter, deadline);
    }, quietMs);
  }

  #settle(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve(this.#take(waiter.options));
  }

  #take({ expectSentinels, maxBytes }: LogOptions): CollectedLogs {
    const missing = expectSentinels && !this.#buffer.complete;
    const { lines, truncated } = this.#buffer.take(maxBytes, this.#clock.now, missing && !this.#ended);
    if (missing && !truncated) lines.push(NOTICES.incomplete(this.#clock.now()));
    const leftover = this.#leftover;
    this.#leftover = 0;
    this.#uncollected = Math.max(0, this.#uncollected - 1);
    if (this.#begun !== undefined && this.#uncollected <= 1) {
      this.#leftover = this.#buffer.dropBefore(this.#begun);
      this.#begun = undefined;
    }
    return { lines, complete: !missing && !truncated, leftover };
  }
}
