import { randomUUID } from 'node:crypto';
import { ObjectsError } from './ObjectsError.js';
import type { CallOptions, Persistence, PutOptions, WaitOptions } from './options.js';

/** The options of `lock`. */
export interface LockOptions extends CallOptions {
  /** The time after which the lock ends without a renewal, in ms. Default: 10 s. */
  readonly ttlMs?: number | undefined;
  /** The longest wait for another holder, in ms. Default: 60 s. 0: one try. */
  readonly waitMs?: number | undefined;
  /** Whether to renew the lock until its release. Default: true. */
  readonly renew?: boolean | undefined;
  /** Where the lock is kept. Default: `memory`. With `replicated` it outlives the death of one invoker. */
  readonly persistence?: Persistence | undefined;
}

/** The operations that a lock needs: see `Objects`. */
export interface Lockable {
  put(color: string, key: string, value: unknown, options: PutOptions): Promise<{ readonly etag: string }>;
  waitUntilGone(color: string, key: string, options: WaitOptions): Promise<boolean>;
  delete(color: string, key: string, options: CallOptions & { readonly ifMatch?: string }): Promise<boolean>;
}

const TTL_MS = 10_000;
const WAIT_MS = 60_000;
/** A lock is renewed so many times within its TTL. */
const RENEWALS = 3;
/** The longest time of a renewal: another attempt may follow before the lock ends. */
const RENEWAL_MS = 10_000;
/** The longest time of a timer of Node.js: longer ones fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A lock on a key, held until it is released or lost. */
export class Lock {
  /** The color of the lock. */
  readonly color: string;
  /** The key of the lock. */
  readonly key: string;
  readonly #objects: Lockable;
  readonly #options: LockOptions;
  readonly #lost = new AbortController();
  #etag: string;
  /** When its time is over at the latest, by `performance.now()`, unless it is renewed. */
  #until = 0;
  #timer: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;
  #released = false;

  private constructor(
    objects: Lockable,
    color: string,
    key: string,
    options: LockOptions,
    { etag, asked }: { readonly etag: string; readonly asked: number },
  ) {
    this.#objects = objects;
    this.color = color;
    this.key = key;
    this.#options = options;
    this.#etag = etag;
    this.#heldFrom(asked);
    if (options.renew !== false) this.#schedule();
  }

  /** See `Objects.lock`. @internal */
  static async take(objects: Lockable, color: string, key: string, options: LockOptions): Promise<Lock | undefined> {
    const deadline = performance.now() + (options.waitMs ?? WAIT_MS);
    for (;;) {
      const asked = performance.now();
      try {
        const { etag } = await objects.put(color, key, holder, { ...properties(options), ifAbsent: true });
        return new Lock(objects, color, key, options, { etag, asked });
      } catch (error) {
        if (!(error instanceof ObjectsError) || error.status !== 412) throw error;
      }
      const forMs = deadline - performance.now();
      if (forMs <= 0 || !(await objects.waitUntilGone(color, key, { forMs, policy: options.policy }))) return undefined;
    }
  }

  /**
   * Aborts when the lock is lost: it was not renewed in time, by the clock of this process, or its object is gone. Another
   * holder may have it.
   */
  get lost(): AbortSignal {
    // A process that was paused may ask before its timers run.
    this.#loseIfLate();
    return this.#lost.signal;
  }

  /** Renews the lock for another TTL. @returns whether it is still held. */
  async renew(): Promise<boolean> {
    if (this.#released || this.lost.aborted) return false;
    const asked = performance.now();
    try {
      const timeoutMs = this.#options.timeoutMs ?? RENEWAL_MS;
      const options = { ...properties(this.#options), timeoutMs, ifMatch: this.#etag };
      ({ etag: this.#etag } = await this.#objects.put(this.color, this.key, holder, options));
    } catch (error) {
      if (!(error instanceof ObjectsError) || error.status !== 412) throw error;
      this.#lose();
    }
    // Who has been told that it is lost has stopped.
    if (this.#lost.signal.aborted) return false;
    this.#heldFrom(asked);
    return !this.lost.aborted;
  }

  /** Ends the lock if it is still held. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#end);
    await this.#renewal;
    try {
      await this.#objects.delete(this.color, this.key, { ifMatch: this.#etag, policy: this.#options.policy });
    } catch (error) {
      // Another holder has it.
      if (!(error instanceof ObjectsError) || error.status !== 412) throw error;
    }
  }

  /** @param asked when the request for it was sent: the server counts its time from then on or later. */
  #heldFrom(asked: number): void {
    this.#until = asked + (this.#options.ttlMs ?? TTL_MS);
    this.#awaitEnd();
  }

  #awaitEnd(): void {
    clearTimeout(this.#end);
    if (this.#released || this.#lost.signal.aborted) return;
    // A timer may fire a part of a millisecond early, and long ones cannot be set at once: then another one follows.
    const onTimer = (): void => {
      this.#loseIfLate();
      this.#awaitEnd();
    };
    const restMs = Math.ceil(this.#until - performance.now());
    this.#end = setTimeout(onTimer, Math.min(MAX_TIMER_MS, Math.max(1, restMs)));
    this.#end.unref();
  }

  #loseIfLate(): void {
    if (!this.#released && performance.now() >= this.#until) this.#lose();
  }

  #lose(): void {
    this.#lost.abort(new ObjectsError(412, `The lock ${this.color}/${this.key} is lost.`));
  }

  #schedule(): void {
    const ttlMs = this.#options.ttlMs ?? TTL_MS;
    this.#timer = setTimeout(
      () => {
        this.#renewal = this.renew().then(
          (held) => {
            if (held && !this.#released) this.#schedule();
          },
          // The server may come back before the TTL is over.
          () => {
            if (!this.#released && !this.lost.aborted) this.#schedule();
          },
        );
      },
      Math.min(MAX_TIMER_MS, ttlMs / RENEWALS),
    );
    this.#timer.unref();
  }
}

/** Names this process, for those who look at the lock. */
const holder = `${process.env['__OW_ACTION_NAME'] ?? process.title} ${process.pid} ${randomUUID()}`;

const properties = ({ ttlMs = TTL_MS, persistence, policy, timeoutMs }: LockOptions) => ({
  ttlMs,
  persistence,
  policy,
  timeoutMs,
});
