import { ApiError } from './ApiError.js';
import { brokenOff } from './body.js';

/** The longest wait of a request for memory, in ms. */
const PATIENCE_MS = 30_000;
/** The most requests that hold memory or wait for it. */
const MAX_HOLDERS = 64;
/** The delay after which a refused client should retry, in seconds. */
const RETRY_AFTER_S = 5;

/** One request's share of the memory for bodies. */
export interface Share {
  /** Reserves more bytes; resolves when they are free. @throws ApiError 503 after the longest wait. */
  take(bytes: number): Promise<void>;
  /** Releases the whole share. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
  readonly refuse: (error: Error) => void;
}

/**
 * The memory for large request bodies. While it is used up, further requests wait and the server does not read from
 * their clients. The oldest request always gets the memory that it needs, so requests finish one after the other.
 */
export class BodyMemory {
  readonly #total: number;
  readonly #patienceMs: number;
  #used = 0;
  /** In the order of their arrival. */
  readonly #holders = new Set<Holder>();

  /** @param total bytes; the oldest request may take more. */
  constructor(total: number, patienceMs = PATIENCE_MS) {
    this.#total = total;
    this.#patienceMs = patienceMs;
  }

  /** The reserved bytes. */
  get used(): number {
    return this.#used;
  }

  /** @throws ApiError 503 if too many requests hold memory or wait for it. */
  open(): Share {
    if (this.#holders.size >= MAX_HOLDERS) throw tooBusy();
    const holder: Holder = { held: 0, waiting: undefined };
    this.#holders.add(holder);
    return {
      take: (bytes) => this.#take(holder, bytes),
      release: () => this.#release(holder),
    };
  }

  #take(holder: Holder, bytes: number): Promise<void> {
    if (!this.#holders.has(holder)) return Promise.reject(brokenOff());
    if (this.#grant(holder, bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(deadline);
        holder.waiting = undefined;
        then();
      };
      const deadline = setTimeout(() => settle(() => reject(tooBusy())), this.#patienceMs);
      holder.waiting = {
        bytes,
        proceed: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
    });
  }

  #grant(holder: Holder, bytes: number): boolean {
    const [oldest] = this.#holders;
    if (holder !== oldest && this.#used + bytes > this.#total) return false;
    holder.held += bytes;
    this.#used += bytes;
    return true;
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    this.#used -= holder.held;
    holder.waiting?.refuse(brokenOff());
    for (const next of this.#holders) {
      if (next.waiting && this.#grant(next, next.waiting.bytes)) next.waiting.proceed();
    }
  }
}

interface Holder {
  held: number;
  waiting: Waiting | undefined;
}

const tooBusy = (): ApiError =>
  new ApiError(503, 'The server is busy with other large requests. Try again later.', {
    'Retry-After': String(RETRY_AFTER_S),
  });
