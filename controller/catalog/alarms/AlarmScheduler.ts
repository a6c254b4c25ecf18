import type { Alarm } from './Alarm.js';
import type { AlarmStore } from './AlarmStore.js';
import { isDue, isMissed, switchedOn, wentOff } from './schedule.js';
import type { Logger } from '../../../shared/logging/Logger.js';

/*
 * The states of the scheduler:
 *
 *   sleeping -> firing     `check` is called, or the timer ends: at the next alarm, and at least once a minute
 *   firing   -> firing     `check` was called in the meantime
 *   firing   -> sleeping   all due alarms are taken
 *                          or the store failed: it retries every 5 s and without an end, since an outage of the store has no
 *                          limit
 *   any      -> stopped    `stop`
 */

export interface AlarmSchedulerOptions {
  readonly store: AlarmStore;
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
  readonly fire: (trigger: string, alarm: Alarm) => Promise<void>;
  readonly log: Logger;
}

/** The longest sleep: timers are limited to 2^31 ms, and the system's clock may be changed. */
const LONGEST_SLEEP_MS = 60_000;
/** The interval at which all alarms are read again, in case the message about a change was lost. */
const RELOAD_MS = 60_000;
/** The delay before the next attempt after a failure of the store. */
const RETRY_MS = 5_000;
/** The delay before the next check while triggers cannot be fired. */
const NOT_READY_MS = 500;

/** Fires the triggers of alarms on time. */
export class AlarmScheduler {
  readonly #options: AlarmSchedulerOptions;
  #timer: NodeJS.Timeout | undefined;
  #firing: Promise<void> | undefined;
  /** Whether `check` was called again while it fires. */
  #again = false;
  /** Whether the log says that alarms are late. */
  #late = false;
  #stopped = false;
  #reloaded = Number.NEGATIVE_INFINITY;

  constructor(options: AlarmSchedulerOptions) {
    this.#options = options;
  }

  /**
   * Lets due alarms go off and sleeps until the next one. To be called at the start and after each change of an alarm.
   * Retries while the store is unavailable.
   */
  check(): void {
    if (this.#stopped) return;
    if (this.#firing) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#firing = this.#fireDue()
      .then(
        () => {
          if (this.#late) this.#options.log.info('alarms are on time again');
          this.#late = false;
          this.#sleep(this.#untilNext());
        },
        (error: unknown) => {
          if (!this.#late) this.#options.log.warn('alarms are late: the store failed', { error });
          this.#late = true;
          this.#sleep(RETRY_MS);
        },
      )
      .finally(() => {
        this.#firing = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.check();
      });
  }

  /** After this resolves no further alarm goes off. Fires under way finish by themselves. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#firing;
    clearTimeout(this.#timer);
  }

  async #fireDue(): Promise<void> {
    const { store, clock, turnMs } = this.#options;
    if (clock() - this.#reloaded >= RELOAD_MS) {
      await store.load();
      this.#reloaded = clock();
    }
    if (!this.#options.ready()) return;
    for (const [page, alarms] of store.pages()) {
      const due = clock() - turnMs;
      if (![...alarms.values()].some((alarm) => isDue(alarm, due))) continue;
      // The first controller does not read the page again: if its copy is old, the store refuses the change.
      if (turnMs > 0) await store.reload(page);
      await this.#firePage(page);
    }
  }

  async #firePage(page: string): Promise<void> {
    const { store, clock, turnMs, fire, log } = this.#options;
    const now = clock();
    let gone: [string, Alarm][] = [];
    await store.edit(page, (alarms) => {
      const due = [...alarms].filter(([, alarm]) => isDue(alarm, now - turnMs));
      // A missed alarm is skipped.
      for (const [trigger, alarm] of due) {
        alarms.set(trigger, isMissed(alarm, now) ? switchedOn(alarm, now) : wentOff(alarm, now));
      }
      gone = due.filter(([, alarm]) => !isMissed(alarm, now));
    });
    for (const [trigger, alarm] of gone) {
      fire(trigger, alarm).catch((error: unknown) => {
        log.error('could not fire the trigger of an alarm', { error, trigger });
      });
    }
  }

  #untilNext(): number {
    const { store, clock, turnMs } = this.#options;
    let next = Number.POSITIVE_INFINITY;
    for (const [, alarms] of store.pages()) {
      for (const alarm of alarms.values()) if (alarm.status.active) next = Math.min(next, alarm.next ?? next);
    }
    const sleep = Math.min(LONGEST_SLEEP_MS, Math.max(0, next + turnMs - clock()));
    return this.#options.ready() ? sleep : Math.max(NOT_READY_MS, sleep);
  }

  #sleep(ms: number): void {
    if (this.#stopped) return;
    // The timer does not keep the process alive.
    this.#timer = setTimeout(() => this.check(), ms).unref();
  }
}
