import * as z from 'zod';
import { own } from '../collections/own.js';
import { isPolicyFile, POLICY_NAMES } from '../colors/ColorPolicy.js';

/*
 * The parsers of settings. Sizes and durations have OpenWhisk's format (`256 m`, `1 minute`). The message of an error
 * completes "NAME must be …".
 */

const MB = 1024 * 1024;

function value<T>(expected: string, parse: (text: string) => T | undefined): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

export const text = z.string();

export const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number, string> =>
  value(
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
    (t) => {
      const number = /^\d+$/.test(t) ? Number(t) : NaN;
      return number >= min && number <= max ? number : undefined;
    },
  );

/** Parses a share such as `90%` or `0.9` to a number from 0 to 1. */
export const fraction = value('a share such as 90% or 0.9', (t) => {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(t);
  const number = match ? Number(match[1]) / (match[2] ? 100 : 1) : NaN;
  return number >= 0 && number <= 1 ? number : undefined;
});

export const positive = value('a number above 0', (t) => {
  const number = /^\d+(?:\.\d+)?$/.test(t) ? Number(t) : NaN;
  return number > 0 ? number : undefined;
});

export const above = (bound: number): z.ZodType<number, string> =>
  value(`a number above ${bound}`, (t) => {
    const number = /^\d+(?:\.\d+)?$/.test(t) ? Number(t) : NaN;
    return number > bound ? number : undefined;
  });

export const flag = value('true or false', (t) => ({ true: true, false: false })[t.toLowerCase()]);

export const oneOf = <const T extends string>(...choices: readonly T[]): z.ZodType<T, string> =>
  value(`one of ${choices.join(', ')}`, (t) => choices.find((choice) => choice.toLowerCase() === t.toLowerCase()));

/** A color policy: the name of a built-in one, or the path of a JavaScript file. */
export const colorPolicy = value(`one of ${POLICY_NAMES.join(', ')}, or the path of a .js file`, (t) => {
  const named = POLICY_NAMES.find((name) => name === t.toLowerCase());
  return named ?? (isPolicyFile(t) ? t : undefined);
});

export const port = integer(0, 65_535);

/** `host:port,host:port`. */
export const hosts = value('one or more host:port, separated by commas', (t) => {
  const list = t.split(',').map((host) => host.trim());
  return list.every((host) => /^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/.test(host)) ? list : undefined;
});

/** Words separated by commas. */
export const list = value('words separated by commas', (t) =>
  t
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== ''),
);

/** `all`, a number of GPUs, or ids after `device=`, as `docker run --gpus` takes them. */
export const gpus = value<'all' | number | readonly string[]>('all, a number from 1, or device=ID,ID', (t) => {
  if (t === 'all') return t;
  if (/^[1-9]\d{0,3}$/.test(t)) return Number(t);
  const ids = /^device=([\w-]+(?:,[\w-]+)*)$/.exec(t)?.[1];
  return ids?.split(',');
});

/** A size such as `256 m`, `1 GB` or `1024` (bytes), in bytes. */
export const bytes = value('a size such as 256 m or 1 GB', parseBytes);

/** A size in whole megabytes, in MB. */
export const megabytes = value('a size in whole megabytes, such as 256 m', (t) => {
  const size = parseBytes(t);
  return size !== undefined && size % MB === 0 ? size / MB : undefined;
});

/** A duration such as `100 ms`, `10 seconds` or `1 minute`, in ms. */
export const duration = value('a duration such as 100 ms, 10 seconds or 5 minutes', (t) => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)\.?$/i.exec(
    t.replaceAll('.seconds', ' seconds').replaceAll('.minutes', ' minutes'),
  );
  const unit = match?.[2] === undefined ? undefined : own(DURATIONS, match[2].toLowerCase());
  return match && unit ? Number(match[1]) * unit : undefined;
});

/** Allows -1 for no limit, too, as Kafka does. */
export const orUnlimited = (schema: z.ZodType<number, string>): z.ZodType<number, string> =>
  z.string().transform((text, context) => {
    if (text === '-1') return -1;
    const { data, error } = schema.safeParse(text);
    if (data !== undefined) return data;
    context.addIssue({ code: 'custom', message: `${error?.issues[0]?.message}, or -1` });
    return z.NEVER;
  });

/** A name that may be part of a Kafka topic. */
export const topicPart = value('letters, digits, dots, dashes and underscores, 128 at most', (t) =>
  /^[a-zA-Z0-9._-]{1,128}$/.test(t) ? t : undefined,
);

function parseBytes(t: string): number | undefined {
  const match = /^(\d+)\s*([a-z]*)$/i.exec(t);
  const unit = match?.[2] === undefined ? undefined : own(SIZES, match[2].toLowerCase());
  return match && unit ? Number(match[1]) * unit : undefined;
}

const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  byte: 1,
  bytes: 1,
  k: 1024,
  kb: 1024,
  m: MB,
  mb: MB,
  g: 1024 * MB,
  gb: 1024 * MB,
};

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DURATIONS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  milli: 1,
  millis: 1,
  millisecond: 1,
  milliseconds: 1,
  s: SECOND,
  second: SECOND,
  seconds: SECOND,
  m: MINUTE,
  minute: MINUTE,
  minutes: MINUTE,
  h: HOUR,
  hour: HOUR,
  hours: HOUR,
  d: 24 * HOUR,
  day: 24 * HOUR,
  days: 24 * HOUR,
};
