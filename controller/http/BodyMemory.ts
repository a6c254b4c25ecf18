import { ApiError } from './ApiError.js';
import { brokenOff } from './body.js';

/** How long a request waits for memory before it is refused, in ms. */
const PATIENCE_MS = 30_000;
/** So many requests at most hold memory or wait for it. */
const MAX_HOLDERS = 64;
/** When a refused client may try again, in seconds. */
const RETRY_AFTER_S = 5;

/** What one request holds of the memory for bodies. */
export interface Share {
  /** Resolves once the request may keep so many bytes more. @throws ApiError 503 where none get free in time. */
  take(bytes: number): Promise<void>;
  /** Gives all of it back. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
  readonly refuse: (error: Error) => void;
}

/**
 * The memory that large request bodies may take. A request that comes while it is used up waits, and its client is not read
 * from. The oldest request is always given what it needs: so one gets done, and the others after it.
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

  /** Bytes that are held. */
  get used(): number {
    return this.#used;
  }

  /** @throws ApiError 503 where too many requests hold or wait already. */
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
