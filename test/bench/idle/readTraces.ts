import { createHash } from 'node:crypto';
import {
  parseTrace,
  readAzure2019,
  readAzure2021,
  TraceBuilder,
  traceEvents,
  type Lines,
  type Trace,
} from '../../../controller/simulate/index.js';

/*
 * The traces that `npm run bench:idle -- --trace FILE` takes. The first line tells the format:
 *
 * - Azure Functions 2019: the counts of each minute of a day, `HashOwner,HashApp,HashFunction,Trigger,1,2,…,1440`
 *   (`invocations_per_function_md.anon.dNN.csv`). Several files are days that follow each other.
 * - Azure Functions 2021: a line for each invocation, `app,func,end_timestamp,duration`
 *   (`AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt`).
 * - JSON lines, as `palette-whisk admin trace record` writes them.
 */

export interface TraceReading {
  /** Percentiles of the durations of 2019, one for each day or one for all; missing: each run takes a second. */
  readonly durations?: readonly Lines[] | undefined;
  /** The share of the applications to read, from 0 to 1. An application is always read or never, in all files. */
  readonly share: number;
  /** See `Azure2019Options`. */
  readonly mostPerMinute: number;
}

type Format = 'azure2019' | 'azure2021' | 'jsonl';

const DAY_MS = 24 * 3_600_000;

/** A file has none of the formats, or files do not belong together. */
export class TraceFilesError extends Error {
  override readonly name = 'TraceFilesError';
}

/**
 * Reads one trace from its files.
 * @throws TraceFilesError, TraceError
 */
export async function readTraces(files: readonly Lines[], reading: TraceReading): Promise<Trace> {
  const opened = await Promise.all(files.map(recognize));
  const [first] = opened;
  if (!first) throw new TraceFilesError('a trace has at least one file');
  const takes = takesShare(reading.share);
  if (first.format === 'azure2019') return readDays(opened, takes, reading);
  if (opened.length > 1) throw new TraceFilesError('only the days of 2019 are in several files');
  return first.format === 'azure2021' ? readAzure2021(first.lines, Infinity, takes) : parseTrace(first.lines);
}

interface Opened {
  readonly format: Format;
  readonly lines: Lines;
}

async function readDays(
  days: readonly Opened[],
  takes: (app: string) => boolean,
  { durations = [], mostPerMinute }: TraceReading,
): Promise<Trace> {
  if (days.some(({ format }) => format !== 'azure2019')) {
    throw new TraceFilesError('all files of a trace have the format of the first one');
  }
  if (durations.length > 1 && durations.length !== days.length) {
    throw new TraceFilesError(
      `${days.length} days need the durations of one day or of each, not of ${durations.length}`,
    );
  }
  const all = new TraceBuilder();
  // Lines can be read once only.
  const [one] = durations;
  const shared = durations.length === 1 && one !== undefined ? await collect(one) : [];
  for (const [day, { lines }] of days.entries()) {
    const percentiles = durations.length > 1 ? (durations[day] ?? []) : shared;
    const read = await readAzure2019(lines, percentiles, { seed: day + 1, takes, mostPerMinute });
    for (const event of traceEvents(read)) all.add({ ...event, t: day * DAY_MS + event.t });
  }
  return all.build();
}

/** Finds the format, and gives back all lines. @throws TraceFilesError */
async function recognize(lines: Lines): Promise<Opened> {
  const rest = (async function* () {
    yield* lines;
  })();
  const { value: first = '' } = (await rest.next()) as IteratorResult<string, undefined>;
  const format = formatOf(first);
  if (!format) {
    throw new TraceFilesError(`the first line is of no trace that is known: '${first.slice(0, 80)}'`);
  }
  const all = (async function* () {
    yield first;
    yield* rest;
  })();
  return { format, lines: all };
}

function formatOf(first: string): Format | undefined {
  if (first.trimStart().startsWith('{')) return 'jsonl';
  const columns = new Set(first.split(',').map((name) => name.trim()));
  if (columns.has('HashFunction') && columns.has('1')) return 'azure2019';
  return columns.has('func') && columns.has('end_timestamp') ? 'azure2021' : undefined;
}

async function collect(lines: Lines): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

/** Takes about this share of applications, by their names, so that a trace always has the same ones. */
function takesShare(share: number): (app: string) => boolean {
  if (share >= 1) return () => true;
  const known = new Map<string, boolean>();
  return (app) => {
    let takes = known.get(app);
    if (takes === undefined) {
      takes = createHash('sha256').update(app).digest().readUInt32BE() < share * 2 ** 32;
      known.set(app, takes);
    }
    return takes;
  };
}
