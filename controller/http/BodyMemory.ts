import { ApiError } from './ApiError.js';
import { brokenOff } from './body.js';

/** The longest wait of a request for memory, in ms. */
const PATIENCE_MS = 30_000;
/** The most requests that hold memory or wait for it: of all namespaces, and of one. */
const MAX_HOLDERS = 256;
const MAX_HOLDERS_OF_ONE = 16;
/** The delay after which a refused client should retry, in seconds. */
const RETRY_AFTER_S = 5;

/** One request's share of the memory for bodies. */
export interface Share {
  /** Reserves more bytes; resolves when they are free. @throws ApiError 429 or 503 after the longest wait. */
  take(bytes: number): Promise<void>;
  /** Releases the whole share. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
  readonly refuse: (error: Error) => void;
}

/** Sizes in bytes. The oldest request of all may exceed `total`, the oldest request of a namespace may exceed `ofOne`. */
export interface BodyMemorySizes {
  readonly total: number;
  /** For each namespace. */
  readonly ofOne: number;
}

/**
 * The memory for large requests. While it is used up, further requests wait and the server does not read from their
 * clients. Each namespace has a share: its requests wait for each other, and leave the rest to other namespaces. The
 * oldest request always gets the memory that it needs, so requests finish one after the other.
 */
export class BodyMemory {
  readonly #sizes: BodyMemorySizes;
  readonly #patienceMs: number;
  #used = 0;
  /** In the order of their arrival. */
  readonly #holders = new Set<Holder>();
  /** By namespace; only those with requests. */
  readonly #owners = new Map<string, Owner>();

  constructor(sizes: BodyMemorySizes, patienceMs = PATIENCE_MS) {
    this.#sizes = sizes;
    this.#patienceMs = patienceMs;
  }

  /** The reserved bytes. */
  get used(): number {
    return this.#used;
  }

  /**
   * Opens a share for a request of a namespace.
   * @throws ApiError if too many requests hold memory or wait for it: 429 of the namespace, 503 of all.
   */
  open(namespace: string): Share {
    const owner = this.#owners.get(namespace) ?? { namespace, used: 0, holders: new Set() };
    if (owner.holders.size >= MAX_HOLDERS_OF_ONE) throw tooMany();
    if (this.#holders.size >= MAX_HOLDERS) throw tooBusy();
    const holder: Holder = { owner, held: 0, waiting: undefined };
    this.#holders.add(holder);
    owner.holders.add(holder);
    this.#owners.set(namespace, owner);
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
      const deadline = setTimeout(() => {
        const ownFault = !this.#fitsOwn(holder, bytes);
        settle(() => reject(ownFault ? tooMany() : tooBusy()));
      }, this.#patienceMs);
      holder.waiting = {
        bytes,
        proceed: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
    });
  }

  #grant(holder: Holder, bytes: number): boolean {
    const [oldest] = this.#holders;
    if (holder !== oldest && this.#used + bytes > this.#sizes.total) return false;
    if (!this.#fitsOwn(holder, bytes)) return false;
    holder.held += bytes;
    holder.owner.used += bytes;
    this.#used += bytes;
    return true;
  }

  #fitsOwn(holder: Holder, bytes: number): boolean {
    const { used, holders } = holder.owner;
    const [oldest] = holders;
    return holder === oldest || used + bytes <= this.#sizes.ofOne;
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    const { owner } = holder;
    this.#used -= holder.held;
    owner.used -= holder.held;
    owner.holders.delete(holder);
    if (owner.holders.size === 0) this.#owners.delete(owner.namespace);
    holder.waiting?.refuse(brokenOff());
    for (const next of this.#holders) {
      if (next.waiting && this.#grant(next, next.waiting.bytes)) next.waiting.proceed();
    }
  }
}

interface Owner {
  readonly namespace: string;
  used: number;
  /** In the order of their arrival. */
  readonly holders: Set<Holder>;
}

interface Holder {
  readonly owner: Owner;
  held: number;
  waiting: Waiting | undefined;
}

const RETRY_AFTER = { 'Retry-After': String(RETRY_AFTER_S) };
const tooBusy = (): ApiError =>
  new ApiError(503, 'The server is busy with other large requests. Try again later.', RETRY_AFTER);
const tooMany = (): ApiError =>
  new ApiError(429, 'The namespace has too many large requests at once. Try again later.', RETRY_AFTER);
