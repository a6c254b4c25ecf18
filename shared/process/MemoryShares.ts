/** A request's share of the memory. */
export interface Share {
  /** Reserves more bytes; resolves when they are free. @throws after the longest wait. */
  take(bytes: number): Promise<void>;
  /** Releases the whole share. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly proceed: () => void;
  readonly refuse: (error: Error) => void;
}

export interface MemorySharesOptions {
  /** Bytes; the oldest request of all may exceed them. */
  readonly total: number;
  /** Bytes for each owner; its oldest request may exceed them. */
  readonly ofOne: number;
  /** The most requests that hold memory or wait for it: of all owners, and of one. */
  readonly maxHolders: number;
  readonly maxHoldersOfOne: number;
  /** The longest wait of a request, in ms. */
  readonly patienceMs: number;
  /** What a request is refused with. */
  readonly errors: {
    /** All owners together ask for too much. */
    readonly tooBusy: () => Error;
    /** Its owner asks for too much. */
    readonly tooMany: () => Error;
    /** Its share was released while it waited. */
    readonly released: () => Error;
  };
}

/**
 * Memory for large data. While it is used up, further requests wait. Each owner has a share: its requests wait for each
 * other, and leave the rest to other owners. The oldest request always gets the memory that it needs, so requests finish
 * one after the other.
 */
export class MemoryShares {
  readonly #options: MemorySharesOptions;
  #used = 0;
  /** In the order of their arrival. */
  readonly #holders = new Set<Holder>();
  /** By name; only those with requests. */
  readonly #owners = new Map<string, Owner>();

  constructor(options: MemorySharesOptions) {
    this.#options = options;
  }

  /** The reserved bytes. */
  get used(): number {
    return this.#used;
  }

  /** Opens a share for a request. @throws if too many requests hold memory or wait for it. */
  open(name: string): Share {
    const { maxHolders, maxHoldersOfOne, errors } = this.#options;
    const owner = this.#owners.get(name) ?? { name, used: 0, holders: new Set() };
    if (owner.holders.size >= maxHoldersOfOne) throw errors.tooMany();
    if (this.#holders.size >= maxHolders) throw errors.tooBusy();
    const holder: Holder = { owner, held: 0, waiting: undefined };
    this.#holders.add(holder);
    owner.holders.add(holder);
    this.#owners.set(name, owner);
    return {
      take: (bytes) => this.#take(holder, bytes),
      release: () => this.#release(holder),
    };
  }

  #take(holder: Holder, bytes: number): Promise<void> {
    if (!this.#holders.has(holder)) return Promise.reject(this.#options.errors.released());
    if (this.#grant(holder, bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(deadline);
        holder.waiting = undefined;
        then();
      };
      const deadline = setTimeout(() => {
        const ownFault = !this.#fitsOwn(holder, bytes);
        settle(() => reject(ownFault ? this.#options.errors.tooMany() : this.#options.errors.tooBusy()));
      }, this.#options.patienceMs);
      holder.waiting = {
        bytes,
        proceed: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
    });
  }

  #grant(holder: Holder, bytes: number): boolean {
    const [oldest] = this.#holders;
    if (holder !== oldest && this.#used + bytes > this.#options.total) return false;
    if (!this.#fitsOwn(holder, bytes)) return false;
    holder.held += bytes;
    holder.owner.used += bytes;
    this.#used += bytes;
    return true;
  }

  #fitsOwn(holder: Holder, bytes: number): boolean {
    const { used, holders } = holder.owner;
    const [oldest] = holders;
    return holder === oldest || used + bytes <= this.#options.ofOne;
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    const { owner } = holder;
    this.#used -= holder.held;
    owner.used -= holder.held;
    owner.holders.delete(holder);
    if (owner.holders.size === 0) this.#owners.delete(owner.name);
    holder.waiting?.refuse(this.#options.errors.released());
    for (const next of this.#holders) {
      if (next.waiting && this.#grant(next, next.waiting.bytes)) next.waiting.proceed();
    }
  }
}

interface Owner {
  readonly name: string;
  used: number;
  /** In the order of their arrival. */
  readonly holders: Set<Holder>;
}

interface Holder {
  readonly owner: Owner;
  held: number;
  waiting: Waiting | undefined;
}
