import { ContainerClient, newToken, type ContainerClientOptions } from '../ContainerClient.js';
import type { CollectedLogs, ContainerResponse, LogOptions, PostOptions, RequestBody } from '../ContainerDriver.js';
import { HEAP_EXHAUSTED, type StreamName } from '../logs/LogBuffer.js';
import { LogCollector } from '../logs/LogCollector.js';

/** Requests to a container's runtime, and the logs that it writes: the containers of all drivers have one. */
export class RuntimeChannel {
  readonly #logs: LogCollector;
  readonly #client: ContainerClient;
  #heapExhausted = false;

  constructor(options: Omit<ContainerClientOptions, 'token'>) {
    const token = newToken();
    this.#logs = new LogCollector({ token, overlapping: options.concurrency > 1 });
    this.#client = new ContainerClient({ ...options, token });
  }

  /** See `Container.signsLogs`. */
  get signsLogs(): boolean {
    return this.#logs.signed;
  }

  /** Whether the container has written that V8 exhausted its heap. */
  get heapExhausted(): boolean {
    return this.#heapExhausted;
  }

  /** See `Container.post`. */
  post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    return this.#logs.during(path, options.onLine, () => this.#client.post(path, body, options));
  }

  /** See `Container.collectLogs`. */
  collectLogs(options: LogOptions): Promise<CollectedLogs> {
    return this.#logs.collect(options);
  }

  /** To be called with what the container writes. */
  write(stream: StreamName, chunk: Buffer): void {
    if (stream === 'stderr' && chunk.includes(HEAP_EXHAUSTED)) this.#heapExhausted = true;
    this.#logs.write(stream, chunk);
  }

  /** To be called when the container writes no more. */
  endLogs(): void {
    this.#logs.end();
  }

  /**
   * To be called before a pause: the timers of a paused runtime stop, and when it resumes, it would close connections as
   * idle for too long. The next request opens new ones.
   */
  disconnect(): void {
    this.#client.disconnect();
  }

  /** To be called when the container is gone: pending requests fail without a retry. */
  close(): void {
    this.#client.close();
  }
}
