import {
  DELETE_AFTER_FIRE,
  switchedOff,
  type Alarm,
  type DeleteAfterFire,
  type Moment,
  type Schedule,
} from './Alarm.js';
import { BadScheduleError, nextTime, parseCron, switchedOn, timeOf } from './schedule.js';
import type { Json, JsonObject } from '../../../shared/entities/keyvalue.js';

/** The feed's parameters are invalid. The caller gets the message. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
}

/** Makes the alarm for `CREATE`. `now` in ms since the epoch. @throws FeedError */
export function newAlarm(params: JsonObject, now: number): Alarm {
  const schedule = truthy(params['fireOnce'])
    ? newOnce(params, now)
    : truthy(params['isInterval'])
      ? newInterval(params, now)
      : newCron(params, now);
  const maxTriggers = readMaxTriggers(params['maxTriggers']);
  if (maxTriggers > 0 && schedule.kind !== 'once' && schedule.stopDate !== undefined) {
    throw new FeedError(
      schedule.kind === 'interval'
        ? 'maxTriggers is not supported for the interval trigger feed'
        : 'maxTriggers is not allowed when the stopDate parameter is specified',
    );
  }
  const next = nextTime(schedule, now);
  if (next === undefined) throw new FeedError('the first scheduled trigger fire is not until after the stop date');
  const limit = schedule.kind !== 'once' && maxTriggers > 0 ? { triggersLeft: maxTriggers } : {};
  const payload = readPayload(params['trigger_payload']) ?? {};
  return { schedule, payload, maxTriggers, ...limit, status: { active: true, dateChanged: now }, next };
}

/** The alarm after `UPDATE`, which switches it on. Missing parameters keep their value. @throws FeedError */
export function revisedAlarm(alarm: Alarm, params: JsonObject, now: number): Alarm {
  const schedule = revisedSchedule(alarm.schedule, params, now);
  const payload = truthy(params['trigger_payload']) ? readPayload(params['trigger_payload']) : undefined;
  if (schedule === alarm.schedule && payload === undefined) {
    throw new FeedError('no updatable parameters were specified');
  }
  return switchedOn({ ...alarm, schedule, payload: payload ?? alarm.payload }, now);
}

/** The alarm after `PAUSE`. */
export function pausedAlarm(alarm: Alarm, now: number): Alarm {
  return alarm.status.active ? switchedOff(alarm, now, { kind: 'USER', message: 'Paused' }) : alarm;
}

/** The alarm after `UNPAUSE`. An alarm that was switched off for another reason stays off. */
export function unpausedAlarm(alarm: Alarm, now: number): Alarm {
  return alarm.status.reason?.kind === 'USER' ? switchedOn(alarm, now) : alarm;
}

/** The response to `READ`. */
export function describeAlarm(
  trigger: { readonly namespace: string; readonly name: string },
  alarm: Alarm,
): JsonObject {
  const { schedule, status } = alarm;
  const config: Record<string, Json | undefined> = {
    name: trigger.name,
    namespace: trigger.namespace,
    payload: alarm.payload,
    strict: schedule.kind === 'cron' ? (schedule.strict ?? false) : false,
  };
  if (schedule.kind === 'once') {
    config['date'] = schedule.date;
    config['deleteAfterFire'] = schedule.deleteAfterFire;
  } else {
    config['startDate'] = schedule.startDate;
    config['stopDate'] = schedule.stopDate;
    if (schedule.kind === 'interval') config['minutes'] = schedule.minutes;
    else {
      config['cron'] = schedule.cron;
      config['timezone'] = schedule.timezone;
    }
  }
  if (alarm.maxTriggers > 0) config['maxTriggers'] = alarm.maxTriggers;
  return withoutMissing({
    config: withoutMissing(config),
    status: withoutMissing({
      active: status.active,
      dateChanged: status.dateChanged,
      dateChangedISO: new Date(status.dateChanged).toISOString().replace(/\.\d+Z$/, 'Z'),
      reason: status.reason && withoutMissing({ ...status.reason }),
    }),
  });
}

function newOnce(params: JsonObject, now: number): Schedule {
  if (!truthy(params['date'])) throw new FeedError('alarms once trigger feed is missing the date parameter');
  const date = readDate(params['date'], 'date', now);
  return { kind: 'once', date, ...optional('deleteAfterFire', readDeleteAfterFire(params['deleteAfterFire'])) };
}

/**
 * Without a `startDate` an interval starts after half a minute: the caller needs time to create the trigger's rules.
 */
const DEFAULT_START_MS = 30_000;

function newInterval(params: JsonObject, now: number): Schedule {
  if (!truthy(params['minutes'])) throw new FeedError('interval trigger feed is missing the minutes parameter');
  const minutes = readMinutes(params['minutes']);
  const startDate = truthy(params['startDate'])
    ? readDate(params['startDate'], 'startDate', now)
    : now + DEFAULT_START_MS;
  return { kind: 'interval', minutes, startDate, ...optional('stopDate', readStopDate(params, now, startDate)) };
}

function newCron(params: JsonObject, now: number): Schedule {
  if (!truthy(params['cron'])) throw new FeedError('alarms trigger feed is missing the cron parameter');
  const cron = readCron(params['cron'], params['timezone']);
  const startDate = truthy(params['startDate']) ? readDate(params['startDate'], 'startDate', now) : undefined;
  return {
    kind: 'cron',
    ...cron,
    ...optional('strict', readStrict(params['strict'])),
    ...optional('startDate', startDate),
    ...optional('stopDate', readStopDate(params, now, startDate)),
  };
}

/** @returns the same object if the parameters do not change it. */
function revisedSchedule(schedule: Schedule, params: JsonObject, now: number): Schedule {
  const given = (name: string): boolean => truthy(params[name]);
  if (schedule.kind === 'once') {
    if (!given('date') && !given('deleteAfterFire')) return schedule;
    return {
      ...schedule,
      ...(given('date') ? { date: readDate(params['date'], 'date', now) } : {}),
      ...optional('deleteAfterFire', readDeleteAfterFire(params['deleteAfterFire']) ?? schedule.deleteAfterFire),
    };
  }
  const own =
    schedule.kind === 'interval'
      ? given('minutes') && { minutes: readMinutes(params['minutes']) }
      : (given('cron') || given('timezone') || Object.hasOwn(params, 'strict')) && {
          ...readCron(
            given('cron') ? params['cron'] : schedule.cron,
            given('timezone') ? params['timezone'] : schedule.timezone,
          ),
          ...optional('strict', Object.hasOwn(params, 'strict') ? readStrict(params['strict']) : schedule.strict),
        };
  if (!own && !given('startDate') && !given('stopDate')) return schedule;
  const startDate = given('startDate') ? readDate(params['startDate'], 'startDate', now) : schedule.startDate;
  const stopDate = given('stopDate') ? readStopDate(params, now, startDate) : schedule.stopDate;
  if (given('startDate') && startDate !== undefined && stopDate !== undefined && !given('stopDate')) {
    if (timeOf(startDate) >= timeOf(stopDate)) {
      throw new FeedError(`startDate parameter '${startDate}' must be less than the stopDate parameter '${stopDate}'`);
    }
  }
  return {
    ...schedule,
    ...own,
    ...optional('startDate', startDate),
    ...optional('stopDate', stopDate),
  };
}

function readCron(pattern: Json | undefined, timezone: Json | undefined): { cron: string; timezone?: string } {
  const cron = printed(pattern);
  const zone = truthy(timezone) ? printed(timezone) : undefined;
  try {
    parseCron(cron, zone);
  } catch (error) {
    throw error instanceof BadScheduleError ? new FeedError(error.message) : error;
  }
  return zone === undefined ? { cron } : { cron, timezone: zone };
}

function readMinutes(value: Json | undefined): number {
  const minutes = typeof value === 'string' ? Number(value.trim() || Number.NaN) : value;
  if (typeof minutes !== 'number' || !Number.isInteger(minutes)) {
    throw new FeedError('the minutes parameter must be an integer');
  }
  if (minutes <= 0) throw new FeedError('the minutes parameter must be an integer greater than zero');
  return minutes;
}

function readMaxTriggers(value: Json | undefined): number {
  if (!truthy(value)) return -1;
  const most = Number(value);
  if (!Number.isInteger(most) || most < -1) throw new FeedError('the maxTriggers parameter must be an integer');
  return most;
}

function readStrict(value: Json | undefined): boolean | string | undefined {
  return typeof value === 'boolean' || typeof value === 'string' ? value : undefined;
}

function readDeleteAfterFire(value: Json | undefined): DeleteAfterFire | undefined {
  if (!truthy(value)) return undefined;
  const given = printed(value).trim().toLowerCase();
  const found = DELETE_AFTER_FIRE.find((choice) => choice === given);
  if (!found) throw new FeedError('deleteAfterFire parameter must be one of [false, true, rules].');
  return found;
}

function readStopDate(params: JsonObject, now: number, startDate: Moment | undefined): Moment | undefined {
  return truthy(params['stopDate']) ? readDate(params['stopDate'], 'stopDate', now, startDate) : undefined;
}

/** Reads a date in the future, after `startDate` if it is given. @throws FeedError */
function readDate(value: Json | undefined, name: string, now: number, startDate?: Moment): Moment {
  const valid = (typeof value === 'number' || typeof value === 'string') && !Number.isNaN(timeOf(value));
  if (!valid) throw new FeedError(`${name} parameter '${printed(value)}' is not a valid Date`);
  if (now >= timeOf(value)) throw new FeedError(`${name} parameter '${value}' must be in the future`);
  if (startDate !== undefined && timeOf(value) <= timeOf(startDate)) {
    throw new FeedError(`${name} parameter '${value}' must be greater than the startDate parameter '${startDate}'`);
  }
  return value;
}

/** The largest payload in bytes of JSON. It is bounded because many alarms share one document. */
const MAX_PAYLOAD_BYTES = 64 * 1024;

/** The payload: an object as it is; a text or another value becomes a field of an object. */
function readPayload(value: Json | undefined): JsonObject | undefined {
  if (value === undefined || value === null) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new FeedError(`the trigger_payload parameter is larger than allowed: ${bytes} > ${MAX_PAYLOAD_BYTES} bytes`);
  }
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  return { payload: value };
}

const truthy = (value: Json | undefined): boolean => Boolean(value);
const printed = (value: Json | undefined): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- TypeScript types a computed key as any string
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

function withoutMissing(object: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}
