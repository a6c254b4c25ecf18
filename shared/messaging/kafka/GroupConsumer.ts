import type { Logger } from '../../logging/Logger.js';
import { backOff, retry } from '../../process/retry.js';
import { within } from '../../process/within.js';
import { BusRefusedError, type Consumer, type ConsumerOptions } from '../Messaging.js';
import type { BusHealth } from './BusHealth.js';
import { causeOf } from './causes.js';
import { Dispatcher } from './Dispatcher.js';
import type { Failure, Fetcher, Place, Sink } from './library.js';

/*
 * A member of a group that reads one topic.
 *
 *   joining -> member    the group let us in, and our place in the topic is settled
 *   joining -> joining   a try failed: again after a pause, without an end, since an outage may take any time
 *   joining -> failed    the first join was refused (rights, credentials): `start` rejects
 *   joining -> closed    `close`: a membership that was on its way is given back
 *   member  -> joining   the library gave up, or the bus answers but commits or heartbeats fail for seconds: the
 *                        coordinator of the group has moved, or does not know us any more
 *   member  -> closing   `close`: nothing more is taken
 *   closing -> closed    the handler is done, the place is committed, the group is left
 *
 * Back-pressure: messages are given to the handler one by one as it has room, and none are fetched before all that were
 * are given. The group's place is committed past the messages that are handled, several times a second and on closing; a
 * successor gets what a killed process had not handled.
 */
type State = 'joining' | 'member' | 'closing' | 'closed' | 'failed';

export interface GroupConsumerParts<T> {
  readonly options: ConsumerOptions<T>;
  /** Makes the next membership. */
  readonly fetcher: (sink: Sink) => Fetcher;
  /** Where the group stands, as the broker says. */
  readonly places: () => Promise<readonly Place[]>;
  readonly classify: (error: unknown) => Failure;
  readonly health: BusHealth;
  readonly log: Logger;
  readonly times?: Partial<ConsumerTimes> | undefined;
  readonly now?: (() => number) | undefined;
}

/** In ms. */
export interface ConsumerTimes {
  /** What is handled stays uncommitted for so long at most. */
  readonly commitMs: number;
  /** The bus answers, but commits fail for so long: the group is joined anew. */
  readonly commitsFailMs: number;
  /** The bus answers, but the coordinator does not know us for so long: the group is joined anew. */
  readonly silentMs: number;
  /** How often it is looked whether one of these is so. */
  readonly watchMs: number;
  /** The first and the longest pause between two tries to join. */
  readonly joinMs: readonly [first: number, longest: number];
  /** The pause after a refusal: a person has to act. */
  readonly refusedMs: number;
  /** What a last commit, or leaving, may take. */
  readonly lastMs: number;
}

const TIMES: ConsumerTimes = {
  commitMs: 200,
  commitsFailMs: 5000,
  silentMs: 15_000,
  watchMs: 1000,
  joinMs: [100, 1000],
  refusedMs: 10_000,
  lastMs: 5000,
};

interface Membership {
  readonly fetcher: Fetcher;
  /** When the coordinator was last seen to know it. */
  aliveAt: number;
  /** The library gave it up. */
  lost?: { readonly error: unknown };
}

export class GroupConsumer<T> implements Consumer {
  readonly #parts: GroupConsumerParts<T>;
  readonly #times: ConsumerTimes;
  readonly #now: () => number;
  readonly #dispatcher: Dispatcher<T>;
  readonly #stop = new AbortController();
  #state: State = 'joining';
  #membership: Membership | undefined;
  #joining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  /** When the commit began that has not succeeded yet, with or without others after it. */
  #uncommittedSince: number | undefined;
  #commitError: unknown;

  constructor(parts: GroupConsumerParts<T>) {
    this.#parts = parts;
    this.#times = { ...TIMES, ...parts.times };
    this.#now = parts.now ?? Date.now;
    this.#dispatcher = new Dispatcher(parts.options, parts.log, () => this.#scheduleCommit());
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Joins the group; resolves once this consumer's place in the topic is settled.
   * @throws BusRefusedError where the brokers do not let us. @throws Error where it is closed meanwhile.
   */
  async start(): Promise<void> {
    const { topic, group } = this.#parts.options;
    try {
      await (this.#joining = this.#join((error) => this.#parts.classify(error) === 'refused'));
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      this.#state = 'failed';
      const text = `Kafka refuses to let group ${group} read topic ${topic.name}: ${causeOf(error)}`;
      throw new BusRefusedError(text, { cause: error });
    }
    this.#watch = setInterval(() => this.#check(), this.#times.watchMs);
    this.#watch.unref();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #join(isFinal: (error: unknown) => boolean): Promise<void> {
    const { options, health, log, classify } = this.#parts;
    const [first, longest] = this.#times.joinMs;
    const pause = backOff(first, longest);
    this.#state = 'joining';
    return retry(() => this.#tryToJoin(), {
      delayMs: (failures, error) => (classify(error) === 'refused' ? this.#times.refusedMs : pause(failures)),
      isFinal,
      signal: this.#stop.signal,
      onFailure: (error, failures) => {
        const failure = classify(error);
        if (failure === 'transient') health.failed(error);
        // An outage is said by the health of the bus. This is for a bus that answers, and lets us not in.
        if (failure === 'refused' || (failures % SAY_EVERY === 3 && health.isUp())) {
          log.warn(`cannot join group ${options.group} yet, trying again: ${causeOf(error)}`, { error });
        }
      },
    });
  }

  async #tryToJoin(): Promise<void> {
    const membership: Membership = { fetcher: this.#parts.fetcher(this.#sink(() => membership)), aliveAt: this.#now() };
    this.#membership = membership;
    try {
      const places = await this.#parts.places();
      this.#stop.signal.throwIfAborted();
      this.#dispatcher.learn(places);
      await membership.fetcher.join(places);
      this.#stop.signal.throwIfAborted();
      if (membership.lost) throw membership.lost.error;
    } catch (error) {
      if (this.#membership === membership) this.#membership = undefined;
      await this.#leave(membership);
      throw error;
    }
    membership.aliveAt = this.#now();
    this.#uncommittedSince = undefined;
    this.#state = 'member';
    this.#parts.health.answered();
    this.#scheduleCommit();
  }

  #sink(membership: () => Membership): Sink {
    const { health } = this.#parts;
    const isCurrent = (): boolean => this.#membership === membership() && !this.#stop.signal.aborted;
    const { inFlight } = this.#dispatcher;
    const wait = async (keepAlive: (() => Promise<void>) | undefined): Promise<boolean> => {
      while (isCurrent()) {
        if (await inFlight.room(KEEP_ALIVE_MS)) return isCurrent();
        await keepAlive?.();
      }
      return false;
    };
    return {
      room: (keepAlive) => (isCurrent() ? inFlight.hasRoom || wait(keepAlive) : false),
      hand: (message) => this.#dispatcher.dispatch(message),
      answered: () => health.answered(),
      alive: () => {
        membership().aliveAt = this.#now();
        health.answered();
      },
      lost: (error) => {
        if (!isCurrent()) return;
        // One that is lost while it begins is a try that failed.
        membership().lost = { error };
        if (this.#state === 'member') this.#rejoin('has lost its membership', error);
      },
    };
  }

  /** Looks whether the membership is one in name only. */
  #check(): void {
    const { health } = this.#parts;
    health.check();
    const membership = this.#membership;
    if (this.#state !== 'member' || !membership || !health.isUp()) return;
    // An outage does not count: only what is so since the bus is back.
    const since = (time: number): number => this.#now() - Math.max(time, health.since);
    if (this.#uncommittedSince !== undefined && since(this.#uncommittedSince) >= this.#times.commitsFailMs) {
      this.#rejoin('cannot commit its place', this.#commitError);
    } else if (since(membership.aliveAt) >= this.#times.silentMs) {
      this.#rejoin('is not known by the coordinator of its group', undefined);
    }
  }

  #rejoin(what: string, error: unknown): void {
    const { options, log, health } = this.#parts;
    const membership = this.#membership;
    const began = this.#now();
    const cause = error === undefined ? '' : `: ${causeOf(error)}`;
    log.warn(`the consumer of ${options.topic.name} ${what}; joining the group anew${cause}`, { error });
    if (error !== undefined && this.#parts.classify(error) === 'transient') health.failed(error);
    this.#membership = undefined;
    this.#state = 'joining';
    this.#dispatcher.inFlight.wake();
    this.#joining = (async () => {
      if (membership) await this.#leave(membership);
      try {
        await this.#join(() => false);
        log.info(`the consumer of ${options.topic.name} is a member again after ${this.#now() - began} ms`);
      } catch (failure) {
        if (!this.#stop.signal.aborted)
          log.error(`the consumer of ${options.topic.name} has ended`, { error: failure });
      }
    })();
  }

  /** Also a library that hangs does not hold us up. */
  async #leave({ fetcher }: Membership): Promise<void> {
    await within(fetcher.close(), this.#times.lastMs, () => undefined);
  }

  #scheduleCommit(): void {
    if (this.#state === 'closed') return;
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined;
      void this.#commit();
    }, this.#times.commitMs);
  }

  #commit(): Promise<void> {
    this.#committing ??= this.#commitNow().finally(() => (this.#committing = undefined));
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    const membership = this.#membership;
    const offsets = this.#dispatcher.committable();
    // Joining ends with a commit.
    if (offsets.length === 0 || !membership || this.#state === 'joining') return;
    this.#uncommittedSince ??= this.#now();
    try {
      // A library that tries for long is cut off: the watch decides what is too long.
      await within(membership.fetcher.commit(offsets), this.#times.lastMs, () => {
        throw new Error(`a commit was not answered for ${this.#times.lastMs} ms`);
      });
      if (this.#membership !== membership) return;
      this.#dispatcher.committed(offsets);
      this.#uncommittedSince = undefined;
    } catch (error) {
      if (this.#membership !== membership) return;
      this.#commitError = error;
      this.#scheduleCommit();
      this.#parts.log.debug(`cannot commit group ${this.#parts.options.group}`, { error });
    }
  }

  async #close(): Promise<void> {
    this.#stop.abort(new Error('the consumer was closed'));
    clearInterval(this.#watch);
    const { inFlight } = this.#dispatcher;
    inFlight.wake();
    if (this.#state === 'member') this.#state = 'closing';
    this.#membership?.fetcher.pause();
    // A join that is under way is cut short by the closing of its membership.
    if (this.#state === 'joining' && this.#membership) await this.#leave(this.#membership);
    await within(Promise.allSettled([this.#joining]), this.#times.lastMs, () => undefined);
    await inFlight.idle();
    await within(Promise.allSettled([this.#committing]), this.#times.lastMs, () => undefined);
    await this.#commit();
    const membership = this.#membership;
    this.#membership = undefined;
    this.#state = 'closed';
    clearTimeout(this.#commitTimer);
    if (membership) await this.#leave(membership);
  }
}

const KEEP_ALIVE_MS = 1000;

/** So many failures to join are passed over between two that are said. */
const SAY_EVERY = 10;
