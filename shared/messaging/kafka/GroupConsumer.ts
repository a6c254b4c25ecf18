import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../logging/Logger.js';
import { backOff, retry } from '../../process/retry.js';
import { within } from '../../process/within.js';
import { BusRefusedError, type Consumer, type ConsumerOptions } from '../Messaging.js';
import { AttemptLimit, AttemptTimeoutError } from './AttemptLimit.js';
import type { BusHealth } from './BusHealth.js';
import { causeAndRights, causeOf } from './causes.js';
import { isDamaged, isUnknownMember, isUnreadable } from './classify.js';
import { CONSUMER_TIMES, reasonToRejoin, TROUBLES, type ConsumerTimes } from './consumerTimes.js';
import { Dispatcher } from './Dispatcher.js';
import { FormerMemberships } from './FormerMemberships.js';
import type { Failure, Fetcher, Place, Sink } from './library.js';
import { unreadableLine, UnreadableMessages } from './UnreadableMessages.js';

/*
 * A consumer of one topic, as a member of a group.
 *
 *   joining -> member    the consumer joined the group, and its position is settled
 *   joining -> joining   an attempt failed or had no result in time: retries after a pause, without a limit, since an outage
 *                        may take any time
 *   joining -> failed    the first join was refused (rights, credentials): `start` rejects
 *   joining -> closed    `close`: leaves a group that it was joining
 *   member  -> joining   the library gave up, or the coordinator of the group does not know the member or does not respond
 *                        to it, or no fetch has a response, while the bus answers: see `reasonToRejoin`. After messages
 *                        that cannot be read: after a pause that grows
 *   member  -> closing   `close`: takes no more messages
 *   closing -> closed    the handler is done, offsets are committed, and the consumer has left the group
 *
 * Back-pressure: the handler gets one message after the other while it has room. The consumer fetches no more messages
 * before the handler has got all earlier ones. It commits the offsets of handled messages several times a second and at
 * the close. After a kill the successor gets the unhandled messages.
 */
type State = 'joining' | 'member' | 'closing' | 'closed' | 'failed';

export interface GroupConsumerParts<T> {
  readonly options: ConsumerOptions<T>;
  /** Creates the next membership. */
  readonly fetcher: (sink: Sink) => Fetcher;
  /** The group's positions, from the broker. */
  readonly places: () => Promise<readonly Place[]>;
  readonly classify: (error: unknown) => Failure;
  readonly health: BusHealth;
  readonly log: Logger;
  /** The addresses of the brokers, for operators. */
  readonly brokers: string;
  readonly times?: Partial<ConsumerTimes> | undefined;
  readonly now?: (() => number) | undefined;
}

interface Membership {
  readonly fetcher: Fetcher;
  readonly limit: AttemptLimit;
  /** The time of the last response of the coordinator. */
  aliveAt: number;
  /** The time of the last response to a fetch, or of the last wait for room; undefined: the library does not tell. */
  fetchedAt?: number;
  /** Whether the group has assigned a partition to it. Without one it fetches nothing. */
  hasPartitions: boolean;
  joinedAt: number;
  /** Set when the library gives up the membership. */
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
  readonly #former = new FormerMemberships();
  #joining: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  /** The start of the first commit that has not succeeded yet. */
  #uncommittedSince: number | undefined;
  /** Why the last commit of this membership failed; undefined: it has succeeded. */
  #commitError: unknown;
  /** When the broker refused this consumer last, during an outage of its rights. */
  #refusedAt: number | undefined;
  readonly #unreadable: UnreadableMessages;

  constructor(parts: GroupConsumerParts<T>) {
    this.#parts = parts;
    this.#times = { ...CONSUMER_TIMES, ...parts.times };
    this.#now = parts.now ?? Date.now;
    this.#unreadable = new UnreadableMessages(this.#times.unreadableMs);
    this.#dispatcher = new Dispatcher(parts.options, parts.log, () => this.#scheduleCommit());
  }

  get state(): State {
    return this.#state;
  }

  /** Whether it cannot read its next message, although it is let into its group. */
  get isUnreadable(): boolean {
    return this.#unreadable.isUnreadable;
  }

  /**
   * Joins the group. Resolves once this consumer's position is settled.
   * @throws BusRefusedError if the brokers refuse it. @throws Error if it is closed in the meantime.
   */
  async start(): Promise<void> {
    const { topic, group } = this.#parts.options;
    try {
      await (this.#joining = this.#join((error) => this.#parts.classify(error) === 'refused'));
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      this.#state = 'failed';
      const text = `Kafka refuses to let group ${group} read topic ${topic.name}: ${this.#cause(error)}`;
      throw new BusRefusedError(text, { cause: error });
    }
    this.#watch = setInterval(() => this.#check(), this.#times.watchMs);
    this.#watch.unref();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * @param refusal the error that ended the last membership, if it is a refusal: it counts as the first failed try.
   * @returns the number of attempts.
   */
  async #join(isFinal: (error: unknown) => boolean, refusal?: Error): Promise<number> {
    const { options, health, log, classify } = this.#parts;
    const [first, longest] = this.#times.joinMs;
    const pause = backOff(first, longest);
    const silentMs = backOff(...this.#times.attemptMs);
    let attempts = 0;
    let timeouts = 0;
    this.#state = 'joining';
    const attempt = async (failures: number): Promise<void> => {
      if (failures === 0 && refusal !== undefined) throw refusal;
      attempts++;
      await this.#tryToJoin(silentMs(timeouts + 1) ?? 0);
    };
    await retry(attempt, {
      delayMs: (failures, error) => (classify(error) === 'refused' ? this.#times.refusedMs : pause(failures)),
      isFinal,
      signal: this.#stop.signal,
      onFailure: (error, failures) => {
        const failure = classify(error);
        if (failure === 'transient') health.failed(error);
        if (error instanceof AttemptTimeoutError) timeouts++;
        // `BusHealth` logs outages. This is for a bus that answers but does not accept the consumer.
        if (failure === 'refused') this.#refused(error);
        else if ((failures % SAY_EVERY === 3 || error instanceof AttemptTimeoutError) && health.isUp()) {
          const count = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
          log.warn(`cannot join group ${options.group} yet after ${count}, retrying: ${causeOf(error)}`, { error });
        }
      },
    });
    return attempts;
  }

  /** Logs the first refusal of an outage. `#check` logs its end: a broker may let in a member and refuse its requests. */
  #refused(error: unknown): void {
    const { log, options } = this.#parts;
    const line = `group ${options.group} may not read topic ${options.topic.name}, retrying: ${this.#cause(error)}`;
    if (this.#refusedAt === undefined) log.warn(line, { error });
    else log.debug(line, { error });
    this.#refusedAt = this.#now();
  }

  #cause(error: unknown): string {
    const { topic, group } = this.#parts.options;
    return causeAndRights(error, `READ on the group ${group}, and READ and DESCRIBE on the topic ${topic.name}`);
  }

  /** @param silentMs the limit without a response, for a join that hangs. */
  async #tryToJoin(silentMs: number): Promise<void> {
    const now = this.#now();
    const fetcher = this.#parts.fetcher(this.#sink(() => membership));
    const limit = new AttemptLimit({ silentMs, wholeMs: this.#times.wholeAttemptMs });
    const membership: Membership = { fetcher, limit, aliveAt: now, hasPartitions: true, joinedAt: now };
    this.#membership = membership;
    try {
      await limit.run(this.#begin(membership));
      this.#stop.signal.throwIfAborted();
      if (membership.lost) throw membership.lost.error;
    } catch (error) {
      if (this.#membership === membership) this.#membership = undefined;
      const rejoins = !this.#stop.signal.aborted && this.#parts.classify(error) !== 'refused';
      await this.#end(membership, rejoins);
      throw error;
    }
    membership.aliveAt = membership.joinedAt = this.#now();
    this.#former.clear();
    this.#uncommittedSince = this.#commitError = undefined;
    this.#state = 'member';
    this.#parts.health.answered();
    this.#scheduleCommit();
  }

  async #begin(membership: Membership): Promise<void> {
    const places = await this.#parts.places();
    membership.limit.responded();
    this.#stop.signal.throwIfAborted();
    // Too late: another attempt may have begun.
    if (this.#membership !== membership) return;
    await membership.fetcher.join(this.#dispatcher.learn(places));
  }

  #sink(membership: () => Membership): Sink {
    const { health, log } = this.#parts;
    const isCurrent = (): boolean => this.#membership === membership() && !this.#stop.signal.aborted;
    const { inFlight } = this.#dispatcher;
    const wait = async (keepAlive: (() => Promise<void>) | undefined): Promise<boolean> => {
      while (isCurrent()) {
        const isRoom = await inFlight.room(KEEP_ALIVE_MS);
        // A library that does not tell its fetches has no time here.
        if (membership().fetchedAt !== undefined) membership().fetchedAt = this.#now();
        if (isRoom) return isCurrent();
        await keepAlive?.();
      }
      return false;
    };
    return {
      room: (keepAlive) => (isCurrent() ? inFlight.hasRoom || wait(keepAlive) : false),
      hand: (message) => {
        if (!this.#dispatcher.dispatch(message) || !this.#unreadable.read()) return;
        log.info(`the consumer of ${this.#parts.options.topic.name} can read its messages again`);
      },
      assigned: (partitions) => {
        if (isCurrent()) this.#dispatcher.assign(partitions);
        membership().hasPartitions = partitions.length > 0;
        // The time without partitions does not count.
        if (membership().fetchedAt !== undefined) membership().fetchedAt = this.#now();
      },
      fetched: () => {
        membership().fetchedAt = this.#now();
        health.answered();
      },
      responded: () => membership().limit.responded(),
      alive: () => {
        membership().aliveAt = this.#now();
        health.answered();
      },
      rejoined: (ms, cause) => {
        const { topic } = this.#parts.options;
        if (isCurrent()) log.info(`the consumer of ${topic.name} is a member again after ${ms} ms: ${causeOf(cause)}`);
      },
      lost: (error) => {
        if (!isCurrent()) return;
        // A membership that is lost during its start is a failed attempt.
        membership().lost = { error };
        if (this.#state === 'member') this.#rejoin('has lost its membership', error, true);
      },
    };
  }

  /** Checks whether the membership still works. */
  #check(): void {
    const { health } = this.#parts;
    health.check();
    const membership = this.#membership;
    if (this.#state !== 'member' || !membership || !health.isUp()) return;
    if (this.#refusedAt !== undefined && this.#now() - this.#refusedAt >= 2 * this.#times.refusedMs) {
      this.#refusedAt = undefined;
      this.#parts.log.info(`group ${this.#parts.options.group} reads topic ${this.#parts.options.topic.name} again`);
    }
    // Count only time in which the bus answers: neither an outage, nor the seconds before the outage is noticed.
    const since = (time: number): number => (health.answeredAt ?? 0) - Math.max(time, health.since);
    const trouble = {
      uncommittedMs: this.#uncommittedSince && since(this.#uncommittedSince),
      silentMs: since(membership.aliveAt),
      unfetchedMs: membership.hasPartitions && membership.fetchedAt ? since(membership.fetchedAt) : undefined,
      isUnknown: isUnknownMember(this.#commitError),
    };
    const reason = reasonToRejoin(trouble, this.#times);
    if (reason !== undefined) this.#rejoin(TROUBLES[reason], reason === 'commits' ? this.#commitError : undefined);
  }

  /** @param readFailed whether the library gave up: only then a message may be damaged. */
  #rejoin(what: string, error: unknown, readFailed = false): void {
    const { options, log, health } = this.#parts;
    const membership = this.#membership;
    const began = this.#now();
    const failure = error === undefined ? undefined : this.#parts.classify(error);
    const refusal = failure === 'refused' && error instanceof Error ? error : undefined;
    const cannotRead = readFailed && failure !== undefined && !isUnknownMember(error) && isUnreadable(error, failure);
    const pauseMs = cannotRead ? this.#cannotRead(membership, error) : 0;
    if (refusal === undefined && !this.isUnreadable) {
      const cause = error === undefined ? '' : `: ${causeOf(error)}`;
      log.warn(`the consumer of ${options.topic.name} ${what}; joining the group again${cause}`, { error });
    }
    if (failure === 'transient') health.failed(error);
    this.#membership = undefined;
    this.#state = 'joining';
    this.#dispatcher.inFlight.wake();
    this.#joining = (async () => {
      // A pause may be longer than the session.
      const rejoins = pauseMs === 0 && refusal === undefined;
      if (membership) await this.#end(membership, rejoins);
      try {
        await this.#pause(pauseMs);
        const attempts = await this.#join(() => false, refusal);
        if (this.#refusedAt !== undefined || this.isUnreadable) return;
        const tries = attempts === 1 ? '' : ` and ${attempts} attempts`;
        log.info(`the consumer of ${options.topic.name} is a member again after ${this.#now() - began} ms${tries}`);
      } catch (failure) {
        if (!this.#stop.signal.aborted)
          log.error(`the consumer of ${options.topic.name} has ended`, { error: failure });
      }
    })();
  }

  /** Logs the begin of an outage. @returns the pause in ms before the next membership. */
  #cannotRead(membership: Membership | undefined, error: unknown): number {
    const { options, log, brokers } = this.#parts;
    const lastedMs = this.#now() - (membership?.joinedAt ?? this.#now());
    const { pauseMs, begins } = this.#unreadable.failed(lastedMs >= READING_MS && !isDamaged(error));
    if (begins) {
      const where = { topic: options.topic.name, group: options.group, brokers };
      log.error(unreadableLine(where, this.#dispatcher.places(), causeOf(error)), { error });
    }
    return pauseMs;
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#stop.signal, ref: false });
  }

  /** Ends a membership before the next one. @param rejoins whether that follows at once: then the place may be kept. */
  #end(membership: Membership, rejoins: boolean): Promise<void> {
    const { leaveMs } = this.#times;
    return rejoins ? this.#former.giveBack(membership.fetcher, leaveMs) : this.#leave(membership, leaveMs);
  }

  /** Leaves the group, with a time limit, since a library may hang. */
  async #leave({ fetcher }: Membership, limitMs = this.#times.lastMs): Promise<void> {
    await within(fetcher.close(), limitMs, () => undefined);
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
    // The end of the join commits.
    if (offsets.length === 0 || !membership || this.#state === 'joining') return;
    this.#uncommittedSince ??= this.#now();
    try {
      // Limit the library's own retries: the checks decide how long commits may fail.
      await within(membership.fetcher.commit(offsets), this.#times.lastMs, () => {
        throw new Error(`a commit got no response for ${this.#times.lastMs} ms`);
      });
      if (this.#membership !== membership) return this.#scheduleCommit();
      this.#dispatcher.committed(offsets);
      this.#uncommittedSince = this.#commitError = undefined;
    } catch (error) {
      // A commit of the next membership may have been taken for this one.
      if (this.#membership !== membership) return this.#scheduleCommit();
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
    // Closing the membership aborts a pending join. A former one may still have the place in the group.
    if (this.#state === 'joining' || this.#state === 'failed') {
      await Promise.all([this.#membership && this.#leave(this.#membership), this.#former.leave(this.#times.lastMs)]);
    }
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

/** A membership that lasted so long in ms did read. A response that cannot be read ends it at once. */
const READING_MS = 60_000;

const KEEP_ALIVE_MS = 1000;

/** The number of failures to join between two log lines. */
const SAY_EVERY = 10;
