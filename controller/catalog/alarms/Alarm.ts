import * as z from 'zod';
import { jsonSchema, type JsonObject } from '../../../shared/entities/keyvalue.js';

/** A date in the caller's form, kept for the response to `READ`: ms since the epoch, or a text that `Date` parses. */
export type Moment = number | string;

/** The times at which an alarm goes off. */
export type Schedule =
  | {
      readonly kind: 'cron';
      /** Five fields, or six with seconds first. */
      readonly cron: string;
      /** An IANA name; missing: UTC. */
      readonly timezone?: string | undefined;
      readonly strict?: boolean | string | undefined;
      readonly startDate?: Moment | undefined;
      readonly stopDate?: Moment | undefined;
    }
  | {
      readonly kind: 'interval';
      readonly minutes: number;
      readonly startDate: Moment;
      readonly stopDate?: Moment | undefined;
    }
  | {
      readonly kind: 'once';
      readonly date: Moment;
      readonly deleteAfterFire?: DeleteAfterFire | undefined;
    };

export const DELETE_AFTER_FIRE = ['false', 'true', 'rules'] as const;
/** Whether to delete the trigger, or the trigger and its rules, after the fire. */
export type DeleteAfterFire = (typeof DELETE_AFTER_FIRE)[number];

export interface AlarmStatus {
  readonly active: boolean;
  /** Milliseconds since the epoch. */
  readonly dateChanged: number;
  /** Why the alarm is not active. */
  readonly reason?:
    | {
        readonly kind: 'AUTO' | 'USER';
        readonly statusCode?: number | undefined;
        readonly message: string;
      }
    | undefined;
}

/** An alarm that fires a trigger. Its key is the trigger's document id, `namespace/name`. */
export interface Alarm {
  readonly schedule: Schedule;
  /** The payload of the trigger's activation. */
  readonly payload: JsonObject;
  /** In the caller's form; -1 without a limit. */
  readonly maxTriggers: number;
  /** Fires left; missing without a limit. */
  readonly triggersLeft?: number | undefined;
  readonly status: AlarmStatus;
  /** The next time in ms since the epoch; missing if the alarm is not active. */
  readonly next?: number | undefined;
}

const moment = z.union([z.number(), z.string()]);

export const alarmSchema: z.ZodType<Alarm> = z.object({
  schedule: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('cron'),
      cron: z.string(),
      timezone: z.string().optional(),
      strict: z.union([z.boolean(), z.string()]).optional(),
      startDate: moment.optional(),
      stopDate: moment.optional(),
    }),
    z.object({ kind: z.literal('interval'), minutes: z.number(), startDate: moment, stopDate: moment.optional() }),
    z.object({ kind: z.literal('once'), date: moment, deleteAfterFire: z.enum(DELETE_AFTER_FIRE).optional() }),
  ]),
  payload: z.record(z.string(), jsonSchema),
  maxTriggers: z.number(),
  triggersLeft: z.number().optional(),
  status: z.object({
    active: z.boolean(),
    dateChanged: z.number(),
    reason: z
      .object({ kind: z.enum(['AUTO', 'USER']), statusCode: z.number().optional(), message: z.string() })
      .optional(),
  }),
  next: z.number().optional(),
});

/** The alarm, switched off for a reason. */
export function switchedOff(alarm: Alarm, now: number, reason: NonNullable<AlarmStatus['reason']>): Alarm {
  const { next: _, ...rest } = alarm;
  return { ...rest, status: { active: false, dateChanged: now, reason } };
}
