import * as z from 'zod';
import { messageOf } from '../errors/reasons.js';

const MEMORY = /^\s?(\d+)\s?(GB|MB|KB|B|G|M|K)\s?$/i;
const BYTES: Readonly<Record<string, number>> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/**
 * Parses an amount of memory such as `256 MB` or `1g` into bytes.
 * @throws Error if it is not valid
 */
export function parseBytes(text: string): number {
  const { amount, unit } = parseAmount(text);
  return amount * (BYTES[unit] ?? 1);
}

/**
 * Formats an amount of memory like OpenWhisk: `1g` becomes `1 GB`.
 * @throws Error if it is not valid
 */
export function writeBytes(text: string): string {
  const { amount, unit } = parseAmount(text);
  return `${amount} ${unit === 'B' ? 'B' : `${unit}B`}`;
}

function parseAmount(text: string): { amount: number; unit: string } {
  const match = MEMORY.exec(text);
  const unit = match?.[2]?.[0]?.toUpperCase();
  if (!match?.[1] || unit === undefined) {
    throw new Error('Size Unit not supported. Only "B", "K[B]", "M[B]" and "G[B]" are supported.');
  }
  return { amount: Number(match[1]), unit };
}

const DURATION = /^\s*(\d+)\s*([a-z]+)\s*$/;
const MILLISECONDS: ReadonlyArray<readonly [RegExp, number]> = [
  [/^(ms|milli|millis|millisecond|milliseconds)$/, 1],
  [/^(s|sec|secs|second|seconds)$/, 1000],
  [/^(m|min|mins|minute|minutes)$/, 60_000],
  [/^(h|hr|hrs|hour|hours)$/, 3_600_000],
  [/^(d|day|days)$/, 86_400_000],
];

/**
 * Parses a duration such as `2 minutes` into ms.
 * @throws Error if it is not valid
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const unit = MILLISECONDS.find(([names]) => match?.[2] !== undefined && names.test(match[2]));
  if (!match?.[1] || !unit) {
    throw new Error(
      `'${text}' is not a length of time. Only milliseconds, seconds, minutes, hours and days are supported`,
    );
  }
  return Number(match[1]) * unit[1];
}

/** The schema of a text that `parse` accepts. */
export function quantity<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
      return z.NEVER;
    }
  });
}
