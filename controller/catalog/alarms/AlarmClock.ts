import type { Alarm } from './Alarm.js';
import type { AlarmBook } from './AlarmBook.js';
import { isDue, isMissed, switchedOn, wentOff } from './schedule.js';
import type { Logger } from '../../../shared/logging/Logger.js';

export interface AlarmClockOptions {
  readonly book: AlarmBook;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * The delay in ms after an alarm's time at which this controller takes it: 0 for the first controller, longer for the
   * others, which take only the alarms that the first one missed.
   */
  readonly turnMs: number;
  /**
   * Whether triggers can be fired. Until then no alarm goes off; an alarm that is due for too long counts as missed.
   */
  readonly ready: () => boolean;
  /** Fires the trigger. Called once for each time of an alarm, on one controller. */
  readonly goOff: (trigger: string, alarm: Alarm) => Promise<void>;
  readonly log: Logger;
}

/** The longest sleep: timers are limited to 2^31 ms, and the system's clock may be changed. */
const LONGEST_SLEEP_MS = 60_000;
/** The interval at which all alarms are read again, in case the message about a change was lost. */
const RELOAD_MS = 60_000;
/** The delay before the next attempt after a failure of the store. */
const RETRY_MS = 5_000;
/** The delay before the next look while triggers cannot be fired. */
const NOT_READY_MS = 500;

/** Lets the alarms of a book go off. States: asleep until the next alarm (`look` ends it), ringing, stopped. */
export class AlarmClock {
  readonly #options: AlarmClockOptions;
  #timer: NodeJS.Timeout | undefined;
  #ringing: Promise<void> | undefined;
  /** Whether `look` was called again during a look. */
  #again = false;
  #stopped = false;
  #reloaded = Number.NEGATIVE_INFINITY;

  constructor(options: AlarmClockOptions) {
    this.#options = options;
  }

  /**
   * Lets due alarms go off and sleeps until the next one. To be called at the start and after each change of an alarm.
   * Retries while the store is unavailable.
   */
  look(): void {
    if (this.#stopped) return;
    if (this.#ringing) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#ringing = this.#ring()
      .then(
        () => this.#sleep(this.#untilNext()),
        (error: unknown) => {
          this.#options.log.warn('alarms are late: the store failed', { error });
          this.#sleep(RETRY_MS);
        },
      )
      .finally(() => {
        this.#ringing = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.look();
      });
  }

  /** After this resolves no further alarm goes off. Fires under way finish by themselves. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#ringing;
    clearTimeout(this.#timer);
  }

  async #ring(): Promise<void> {
    const { book, clock, turnMs } = this.#options;
    if (clock() - this.#reloaded >= RELOAD_MS) {
      await book.load();
      this.#reloaded = clock();
    }
    if (!this.#options.ready()) return;
    for (const [page, alarms] of book.pages()) {
      const due = clock() - turnMs;
      if (![...alarms.values()].some((alarm) => isDue(alarm, due))) continue;
      // The first controller does not read the page again: if its copy is old, the store refuses the change.
      if (turnMs > 0) await book.reload(page);
      await this.#ringPage(page);
    }
  }

  async #ringPage(page: string): Promise<void> {
    const { book, clock, turnMs, goOff, log } = this.#options;
    const now = clock();
    let gone: [string, Alarm][] = [];
    await book.edit(page, (alarms) => {
      const due = [...alarms].filter(([, alarm]) => isDue(alarm, now - turnMs));
      // A missed alarm is skipped.
      for (const [trigger, alarm] of due) {
        alarms.set(trigger, isMissed(alarm, now) ? switchedOn(alarm, now) : wentOff(alarm, now));
      }
      gone = due.filter(([, alarm]) => !isMissed(alarm, now));
    });
    for (const [trigger, alarm] of gone) {
      goOff(trigger, alarm).catch((error: unknown) => {
        log.error('could not fire the trigger of an alarm', { error, trigger });
      });
    }
  }

  #untilNext(): number {
    const { book, clock, turnMs } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    for (const [, alarms] of book.pages()) {
      for (const alarm of alarms.values()) if (alarm.status.active) next = Math.min(next, alarm.next ?? next);
    }
    const sleep = Math.min(LONGEST_SLEEP_MS, Math.max(0, next + turnMs - clock()));
    return this.#options.ready() ? sleep : Math.max(NOT_READY_MS, sleep);
  }

  #sleep(ms: number): void {
    if (this.#stopped) return;
    // The timer does not keep the process alive.
    this.#timer = setTimeout(() => this.look(), ms).unref();
  }
}
