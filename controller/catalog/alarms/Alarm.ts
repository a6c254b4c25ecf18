import * as z from 'zod';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';

/** A moment as a caller gave it, and gets it back: ms since the epoch, or a text that JavaScript reads as a date. */
export type Moment = number | string;

/** When an alarm goes off. */
export type Schedule =
  | {
      readonly kind: 'cron';
      /** Five fields, or six with seconds first. */
      readonly cron: string;
      /** An IANA name; UTC where it is missing. */
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
/** Whether the trigger, or the trigger and its rules, go once it was fired. */
export type DeleteAfterFire = (typeof DELETE_AFTER_FIRE)[number];

export interface AlarmStatus {
  readonly active: boolean;
  /** Milliseconds since the epoch. */
  readonly dateChanged: number;
  /** Why it is not active. */
  readonly reason?: {
    readonly kind: 'AUTO' | 'USER';
    readonly statusCode?: number | undefined;
    readonly message: string;
  };
}

/** An alarm that fires a trigger; it is known by the trigger's document id, `namespace/name`. */
export interface Alarm {
  readonly schedule: Schedule;
  /** What the trigger is fired with. */
  readonly payload: JsonObject;
  /** As given, -1 without a limit. */
  readonly maxTriggers: number;
  /** Missing without a limit. */
  readonly triggersLeft?: number | undefined;
  readonly status: AlarmStatus;
  /** When it goes off next, ms since the epoch; missing where it is not active. */
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
  payload: z.record(z.string(), z.json()),
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
}) as z.ZodType<Alarm>;

/** The alarm switched off, and why. */
export function switchedOff(alarm: Alarm, now: number, reason: NonNullable<AlarmStatus['reason']>): Alarm {
  const { next: _, ...rest } = alarm;
  return { ...rest, status: { active: false, dateChanged: now, reason } };
}
