import * as z from 'zod';
import { schemaMistake } from '../../shared/errors/schemaMistake.js';
import { TraceBuilder, traceEvents, type Trace } from './Trace.js';

const object = z.union([z.string(), z.tuple([z.string(), z.number().nonnegative()])]);
const event = z.object({
  t: z.number().nonnegative(),
  color: z.string().nullish(),
  action: z.string().min(1),
  reads: z.array(object).default([]),
  writes: z.array(object).default([]),
  ms: z.number().nonnegative(),
});

/** A line of a trace is invalid. */
export class TraceError extends Error {
  /** The name of the class. */
  override readonly name = 'TraceError';
  /** The number of the line, from 1. */
  readonly line: number;
  constructor(line: number, message: string) {
    super(`line ${line} of the trace: ${message}`);
    this.line = line;
  }
}

/**
 * Parses a trace in JSON lines: `{"t", "color", "action", "reads", "writes", "ms"}` (see `TraceEvent`), in any order.
 * Ignores empty lines.
 * @param lines such as those of `readline.createInterface(…)`.
 * @throws TraceError
 */
export async function parseTrace(lines: AsyncIterable<string> | Iterable<string>): Promise<Trace> {
  const builder = new TraceBuilder();
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch {
      throw new TraceError(number, 'it is not JSON');
    }
    const checked = event.safeParse(parsed);
    if (!checked.success) throw new TraceError(number, schemaMistake(checked.error));
    builder.add(checked.data);
  }
  return builder.build();
}

/** The lines of a trace's file, each with its end. */
export function* traceLines(trace: Trace): Generator<string> {
  for (const one of traceEvents(trace)) yield `${JSON.stringify(one)}\n`;
}
