import type * as undiciModule from 'undici';

/** The library `undici`. */
export type Undici = typeof undiciModule;
type Dispatcher = undiciModule.Dispatcher;
type Response = undiciModule.Dispatcher.ResponseData;
type RequestOptions = Omit<undiciModule.Dispatcher.RequestOptions, 'origin' | 'path'>;

/**
 * A client of `undici` that is loaded and made for its first request. The library has a hundred files, which a server that shares no
 * objects with others never needs.
 */
export class LazyHttpClient {
  readonly #make: (undici: Undici) => Dispatcher;
  #opened: Promise<Dispatcher> | undefined;
  #closed = false;

  /** @param make makes the agent or the pool of its connections. */
  constructor(make: (undici: Undici) => Dispatcher) {
    this.#make = make;
  }

  /**
   * Sends a request. The path goes out as it is: `undici.request` would take `.` and `..` in it, which may be the names of
   * an object, for steps.
   * @throws the errors of `Dispatcher.request`; Error after `close`.
   */
  async request(origin: string, path: string, options: RequestOptions): Promise<Response> {
    if (this.#closed) throw new Error('the HTTP client is closed');
    const dispatcher = await (this.#opened ??= this.#open());
    return dispatcher.request({ ...options, origin, path });
  }

  /** Closes all connections. Requests under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opened?.catch(() => undefined);
    await opened?.destroy();
  }

  async #open(): Promise<Dispatcher> {
    try {
      return this.#make(await import('undici'));
    } catch (error) {
      // The next request tries again: the process may have had no free file descriptor.
      this.#opened = undefined;
      throw error;
    }
  }
}
