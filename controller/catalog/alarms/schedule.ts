import { Cron } from 'croner';
import { switchedOff, type Alarm, type Moment, type Schedule } from './Alarm.js';

/** Milliseconds since the epoch; NaN if it is not a date. */
export function timeOf(moment: Moment): number {
  return new Date(moment).getTime();
}

/** A malformed pattern or an unknown timezone. The caller gets the message. */
export class BadScheduleError extends Error {
  override readonly name = 'BadScheduleError';
}

/** @throws BadScheduleError */
export function parseCron(pattern: string, timezone: string | undefined): Cron {
  const zone = timezone ?? 'UTC';
  if (!isTimezone(zone)) throw new BadScheduleError('Invalid timezone.');
  const fields = pattern.trim().split(/\s+/).length;
  // The library accepts a date as a pattern, too.
  if (fields !== 5 && fields !== 6 && !pattern.trim().startsWith('@')) throw invalid(pattern);
  try {
    return new Cron(pattern, { timezone: zone, paused: true });
  } catch {
    throw invalid(pattern);
  }
}

const invalid = (pattern: string): BadScheduleError => new BadScheduleError(`cron pattern '${pattern}' is not valid`);

function isTimezone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/**
 * The next time of a schedule after `after`, both in ms since the epoch; undefined after the last one. The time of
 * `once` never changes, even if it has passed.
 * @throws BadScheduleError
 */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  if (schedule.kind === 'once') return timeOf(schedule.date);
  if (schedule.kind === 'interval') {
    const start = timeOf(schedule.startDate);
    const period = schedule.minutes * 60_000;
    const next = start > after ? start : start + (Math.floor((after - start) / period) + 1) * period;
    return beforeStop(next, schedule.stopDate);
  }
  const from = schedule.startDate === undefined ? after : Math.max(after, timeOf(schedule.startDate));
  const next = parseCron(schedule.cron, schedule.timezone).nextRun(new Date(from))?.getTime();
  return next === undefined ? undefined : beforeStop(next, schedule.stopDate);
}

function beforeStop(next: number, stopDate: Moment | undefined): number | undefined {
  return stopDate !== undefined && next > timeOf(stopDate) ? undefined : next;
}

/** The alarm, switched on: its next time is the first one after `now`. */
export function switchedOn(alarm: Alarm, now: number): Alarm {
  const next = nextTime(alarm.schedule, now);
  if (next === undefined) return switchedOff(alarm, now, { kind: 'AUTO', message: NEVER_AGAIN });
  return { ...alarm, status: { active: true, dateChanged: now }, next };
}

const NEVER_AGAIN = 'Automatically disabled: the next scheduled trigger fire is after the stop date';

/** The alarm after it went off: it has one fire less left, and its next time is the first one after `now`. */
export function wentOff(alarm: Alarm, now: number): Alarm {
  const off = (message: string): Alarm => switchedOff(counted, now, { kind: 'AUTO', message });
  const counted = alarm.triggersLeft === undefined ? alarm : { ...alarm, triggersLeft: alarm.triggersLeft - 1 };
  const { kind } = alarm.schedule;
  if (kind === 'once') return off('Automatically disabled after firing once');
  if (counted.triggersLeft !== undefined && counted.triggersLeft <= 0) {
    return off('Automatically disabled after reaching max triggers');
  }
  const next = nextTime(alarm.schedule, now);
  if (next === undefined) return off(`Automatically disabled after firing last scheduled ${kind} trigger`);
  return { ...counted, next };
}

/** An alarm that is due for longer counts as missed: the server was down, or its clock was changed. */
const MISSED_AFTER_MS = 30_000;

/** Whether the alarm's time passed while no controller was running. An alarm of kind `once` is never missed. */
export function isMissed(alarm: Alarm, now: number): boolean {
  return alarm.schedule.kind !== 'once' && isDue(alarm, now - MISSED_AFTER_MS);
}

/** Whether the alarm must go off. */
export function isDue(alarm: Alarm, now: number): boolean {
  return alarm.status.active && alarm.next !== undefined && alarm.next <= now;
}
