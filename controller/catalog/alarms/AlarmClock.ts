import type { Alarm } from './Alarm.js';
import type { AlarmBook } from './AlarmBook.js';
import { isDue, isMissed, switchedOn, wentOff } from './schedule.js';
import type { Logger } from '../../../shared/logging/Logger.js';

export interface AlarmClockOptions {
  readonly book: AlarmBook;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * How long after an alarm's time this controller takes it, ms: 0 for the first controller, more for the others, which
   * take only what the first one left.
   */
  readonly turnMs: number;
  /** Whether triggers can be fired. Until then no alarm goes off; one that is due for too long counts as missed. */
  readonly ready: () => boolean;
  /** Fires the trigger. Called once for each time of an alarm, on one controller. */
  readonly goOff: (trigger: string, alarm: Alarm) => Promise<void>;
  readonly log: Logger;
}

/** Timers take no more than 2^31 ms, and clocks are set. */
const LONGEST_SLEEP_MS = 60_000;
/** How often all alarms are read again, in case the notice of a change was lost. */
const RELOAD_MS = 60_000;
/** After the store failed. */
const RETRY_MS = 5_000;
/** Where it is not ready. */
const NOT_READY_MS = 500;

/** Waits for the alarms of a book, and lets them go off: asleep until the next alarm (`look`), ringing, or stopped. */
export class AlarmClock {
  readonly #options: AlarmClockOptions;
  #timer: NodeJS.Timeout | undefined;
  #ringing: Promise<void> | undefined;
  /** Asked to look again while it was looking. */
  #again = false;
  #stopped = false;
  #reloaded = Number.NEGATIVE_INFINITY;

  constructor(options: AlarmClockOptions) {
    this.#options = options;
  }

  /**
   * Lets due alarms go off, and sleeps until the next one. Called to begin, and whenever an alarm changed. While the store
   * does not answer, it tries again.
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

  /** No alarm goes off any more once this resolves; those under way are left to finish. */
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
      // The first controller need not read the page: if its copy is old, the store refuses the change.
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
      // A missed time is not made up for.
      for (const [trigger, alarm] of due) {
        alarms.set(trigger, isMissed(alarm, now) ? switchedOn(alarm, now) : wentOff(alarm, now));
      }
      gone = due.filter(([, alarm]) => !isMissed(alarm, now));
    });
    for (const [trigger, alarm] of gone) {
      goOff(trigger, alarm).catch((error: unknown) => {
        log.error('the trigger of an alarm was not fired', { error, trigger });
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
    // The process may end while it sleeps.
    this.#timer = setTimeout(() => this.look(), ms).unref();
  }
}
