import { TraceBuilder, type Trace } from './Trace.js';
import { seeded } from './engine/random.js';
import { TraceError } from './traceLines.js';

/*
 * Readers of the Azure Functions traces by their published formats (github.com/Azure/AzurePublicDataset):
 *
 * - 2019: for each function the invocations in each minute of a day (`invocations_per_function_md.anon.dNN.csv`), and
 *   percentiles of its durations (`function_durations_percentiles.anon.dNN.csv`).
 * - 2021: a line for each invocation (`AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt`).
 *
 * The traces name no data. The application is the color of an invocation: its functions are likely to share data. Each
 * invocation reads one object, that of its application.
 */

/** The lines of a file. */
export type Lines = AsyncIterable<string> | Iterable<string>;

const MINUTE_MS = 60_000;

/** Parses lines of comma-separated values with a header. Quoted fields are not in these traces. */
async function* rows(lines: Lines, columns: readonly string[]): AsyncGenerator<[number, (name: string) => string]> {
  let header: Map<string, number> | undefined;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const fields = line.trim().split(',');
    if (!header) {
      const names = new Map(fields.map((name, i) => [name.trim(), i]));
      const missing = columns.filter((column) => !names.has(column));
      if (missing.length > 0) throw new TraceError(number, `the header has no column ${missing.join(', ')}`);
      header = names;
      continue;
    }
    const places = header;
    yield [number, (name) => fields[places.get(name) ?? -1] ?? ''];
  }
}

/** @throws TraceError unless the text is a number of at least 0. */
function numberOf(line: number, name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < Infinity)) {
    throw new TraceError(line, `${name} is '${text}' and not a number of at least 0`);
  }
  return value;
}

const AVERAGE_MS = 1000;

/**
 * Reads the trace of 2021: `app,func,end_timestamp,duration`, in seconds. The arrival is the end less the duration, and
 * the first one is at 0.
 * @param limit the most invocations. @param takes whether to read those of an application; missing: all.
 * @throws TraceError
 */
export async function readAzure2021(
  lines: Lines,
  limit = Infinity,
  takes: (app: string) => boolean = () => true,
): Promise<Trace> {
  const found: { t: number; color: string; action: string; ms: number }[] = [];
  for await (const [line, field] of rows(lines, ['app', 'func', 'end_timestamp', 'duration'])) {
    if (found.length >= limit) break;
    if (!takes(field('app'))) continue;
    const ms = 1000 * numberOf(line, 'duration', field('duration'));
    const t = 1000 * numberOf(line, 'end_timestamp', field('end_timestamp')) - ms;
    found.push({ t, color: field('app'), action: field('func'), ms });
  }
  const start = found.reduce((least, { t }) => Math.min(least, t), Infinity);
  const builder = new TraceBuilder();
  for (const one of found) builder.add({ ...one, t: Math.max(0, one.t - start), reads: [one.color] });
  return builder.build();
}

/** The options of `readAzure2019`. */
export interface Azure2019Options {
  /** The first minute of the day to read, from 0. Missing: 0. */
  readonly from?: number | undefined;
  /** The minute before which to stop, at most 1,440. Missing: 1,440. */
  readonly to?: number | undefined;
  /** The seed of the random times and durations. Missing: 1. */
  readonly seed?: number | undefined;
  /** Whether to read the functions of an application; missing: all. A whole day has hundreds of millions of invocations. */
  readonly takes?: ((app: string) => boolean) | undefined;
  /** The most invocations of a function in a minute; the others are left out. Missing: no bound. */
  readonly mostPerMinute?: number | undefined;
}

/**
 * Reads the trace of 2019. The invocations of a minute get times within it at random, and durations between the
 * percentiles of their function at random (a function without percentiles: one second).
 * @throws TraceError
 */
export async function readAzure2019(
  invocations: Lines,
  durations: Lines,
  options: Azure2019Options = {},
): Promise<Trace> {
  const { from = 0, to = 1440, seed = 1, takes = () => true, mostPerMinute = Infinity } = options;
  const random = seeded(seed);
  const marks = [0, 1, 25, 50, 75, 99, 100];
  const columns = marks.map((mark) => `percentile_Average_${mark}`);
  const known = new Map<string, number[]>();
  for await (const [line, field] of rows(durations, ['HashOwner', 'HashApp', 'HashFunction', ...columns])) {
    if (!takes(field('HashApp'))) continue;
    known.set(
      `${field('HashApp')}/${field('HashFunction')}`,
      columns.map((column) => numberOf(line, column, field(column))),
    );
  }
  const draw = (percentiles: readonly number[] | undefined): number => {
    if (!percentiles) return AVERAGE_MS;
    const at = 100 * random();
    const above = Math.max(
      1,
      marks.findIndex((mark) => mark >= at),
    );
    const [low = 0, high = 100] = [marks[above - 1], marks[above]];
    const [least = 0, most = 0] = [percentiles[above - 1], percentiles[above]];
    return least + ((most - least) * (at - low)) / (high - low);
  };
  const builder = new TraceBuilder();
  const minutes = Array.from({ length: to - from }, (_, i) => String(from + i + 1));
  for await (const [line, field] of rows(invocations, ['HashApp', 'HashFunction', ...minutes])) {
    const [app, action] = [field('HashApp'), field('HashFunction')];
    if (!takes(app)) continue;
    const percentiles = known.get(`${app}/${action}`);
    for (const [minute, column] of minutes.entries()) {
      const count = Math.min(mostPerMinute, numberOf(line, `minute ${column}`, field(column)));
      for (let i = 0; i < count; i++) {
        builder.add({ t: (minute + random()) * MINUTE_MS, color: app, action, reads: [app], ms: draw(percentiles) });
      }
    }
  }
  return builder.build();
}
