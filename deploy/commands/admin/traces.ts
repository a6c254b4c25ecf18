import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  parseTrace,
  readAzure2019,
  readAzure2021,
  simulateTrace,
  TraceError,
  YARDSTICKS,
  zipfTrace,
  type Trace,
  type TraceEvent,
  type TraceResult,
  type YardstickName,
} from '../../../controller/simulate/index.js';
import { POLICY_NAMES, isPolicyFile, isPolicyName, type PolicyMaker } from '../../../shared/colors/ColorPolicy.js';
import { loadPolicy } from '../../../shared/config/loadPolicy.js';
import { activationRecordSchema, type ActivationRecord } from '../../../shared/entities/activation.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { AdminError } from './AdminError.js';

const PAGE = 500;

/**
 * Yields the activations of an installation as lines of a trace: see docs/lab.md. Omits triggers and rules, which run
 * nothing, and sequences, whose actions have records of their own. Read page by page, in the order of ids.
 */
export async function* recordTrace(stores: Stores, namespace: string | undefined): AsyncGenerator<string> {
  const [first] = await stores.activations.query('activations/byDate', {
    startKey: null,
    endKey: Number.MAX_SAFE_INTEGER,
    limit: 1,
  });
  const begin = typeof first?.key === 'number' ? first.key : 0;
  for (let after: string | undefined; ;) {
    const page = await stores.activations.listDocuments(after, PAGE);
    for (const document of page) {
      const record = activationRecordSchema.safeParse(document);
      if (!record.success || (namespace !== undefined && record.data.namespace !== namespace)) continue;
      const event = eventOf(record.data, begin);
      if (event) yield JSON.stringify(event);
    }
    after = page.at(-1)?._id;
    if (page.length < PAGE) return;
  }
}

/** The invocation of a record; undefined for a record that ran nothing. */
function eventOf(record: ActivationRecord, begin: number): TraceEvent | undefined {
  const { namespace, name, start, duration, annotations } = record;
  const annotation = (key: string): unknown => annotations.find((one) => one.key === key)?.value;
  if (duration === undefined || annotation('kind') === 'sequence') return undefined;
  const waited = annotation('waitTime');
  const arrival = start - (typeof waited === 'number' && waited > 0 ? waited : 0);
  const path = annotation('path');
  const color = annotation('color');
  // A color belongs to a namespace. The platform does not know what an action reads: one object for each color.
  const own = typeof color === 'string' ? `${namespace}/${color}` : null;
  return {
    t: Math.max(0, arrival - begin),
    color: own,
    action: typeof path === 'string' ? path : `${namespace}/${name}`,
    reads: own === null ? [] : [own],
    writes: [],
    ms: duration,
  };
}

export const TRACE_FORMATS = ['jsonl', 'azure2021', 'azure2019'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** A trace that is generated: see `zipfTrace`. */
export interface GeneratedTrace {
  readonly invocations: number;
  readonly colors: number;
  /** Arrivals per second. Missing: half of what the slots can take if half of the invocations miss. */
  readonly rate: number | undefined;
}

export interface TraceRun {
  /** The path of a trace. */
  readonly source: string | GeneratedTrace;
  readonly format: TraceFormat;
  /** Of a trace in the format `azure2019`: the file with the durations, and the minutes of the day. */
  readonly azure2019?: { readonly durations: string; readonly from: number; readonly to: number } | undefined;
  /** Names of policies, or paths of their files. */
  readonly policies: readonly string[];
  readonly workers: number;
  readonly slots: number;
  /** The cache of each worker, in bytes. */
  readonly cache: number;
  readonly missMs: number;
  /** Missing: the shipped patience. */
  readonly patienceMs: number | undefined;
}

/** Runs a trace with policies. Yields the lines of a table. @throws AdminError, ConfigurationError for a policy's file */
export async function* runTrace(options: TraceRun): AsyncGenerator<string> {
  const policies = new Map<string, PolicyMaker | undefined>();
  for (const text of options.policies) {
    if (isPolicyFile(text)) {
      const { name, make } = await loadPolicy(text);
      policies.set(name, make);
    } else if (isPolicyName(text)) policies.set(text, undefined);
    else if (isYardstick(text)) policies.set(text, YARDSTICKS[text]);
    else {
      const known = [...POLICY_NAMES, ...Object.keys(YARDSTICKS)].join(', ');
      throw new AdminError(`unknown policy '${text}': choose from ${known}, or name a JavaScript file`, 2);
    }
  }
  const begun = performance.now();
  const used = process.cpuUsage();
  const trace =
    typeof options.source === 'string' ? await read(options.source, options) : generated(options.source, options);
  yield `${trace.t.length} invocations, ${trace.colors.length} colors, ${trace.actions.length} actions, ${trace.objects.length} objects`;
  yield `${'policy'.padEnd(22)}${['hits %', 'home %', 'p50 ms', 'p99 ms', 'max/mean'].map((name) => name.padStart(10)).join('')}`;
  for (const [policy, make] of policies) {
    const result = simulated(trace, policy, make, options);
    const cells = [100 * result.hitRatio, 100 * result.atHome, result.p50, result.p99, result.imbalance];
    yield `${policy.padEnd(22)}${cells.map((cell) => (Number.isFinite(cell) ? cell.toFixed(2) : '-').padStart(10)).join('')}`;
  }
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(used);
  const processor = ((user + system) / 1e6).toFixed(1);
  yield `${policies.size} simulation${policies.size === 1 ? '' : 's'} in ${seconds.toFixed(1)} s (${processor} s of processors)`;
}

/** @throws AdminError if a policy of a file fails. */
function simulated(
  trace: Trace,
  policy: string,
  make: PolicyMaker | undefined,
  { workers, slots, cache, missMs, patienceMs }: TraceRun,
): TraceResult {
  try {
    return simulateTrace(trace, {
      policy,
      custom: make ? { [policy]: make } : {},
      workers: Array.from({ length: workers }, () => slots),
      cache,
      missMs,
      patienceMs,
      seed: 1,
    });
  } catch (error) {
    if (make === undefined) throw error;
    // The first line of its own stack names the place in the user's file.
    const place = error instanceof Error ? (error.stack?.split('\n')[1]?.trim() ?? '') : '';
    throw new AdminError(`the policy ${policy} failed in the simulation: ${messageOf(error)} ${place}`.trim());
  }
}

const isYardstick = (text: string): text is YardstickName => Object.hasOwn(YARDSTICKS, text);

/** The duration of an invocation of a generated trace that finds its object, in ms. */
const GENERATED_MS = 5;

function generated({ invocations, colors, rate }: GeneratedTrace, { workers, slots, missMs }: TraceRun): Trace {
  const perMs = rate === undefined ? (0.5 * workers * slots) / (GENERATED_MS + missMs / 2) : rate / 1000;
  return zipfTrace({ invocations, colors, perMs, ms: GENERATED_MS, seed: 1 });
}

async function read(file: string, { format, azure2019 }: TraceRun): Promise<Trace> {
  // Files are read one after the other, so an error is one of the file that was begun last.
  let begun = file;
  const open = (path: string): AsyncGenerator<string> => linesOf(path, () => (begun = path));
  const lines = open(file);
  try {
    const trace = await (azure2019
      ? readAzure2019(lines, open(azure2019.durations), azure2019)
      : format === 'azure2021'
        ? readAzure2021(lines)
        : parseTrace(lines));
    if (trace.t.length === 0) throw new AdminError(`${file} has no invocations`);
    return trace;
  } catch (error) {
    if (error instanceof AdminError) throw error;
    if (error instanceof TraceError || (error instanceof Error && 'code' in error)) {
      throw new AdminError(`${begun}: ${messageOf(error)}`);
    }
    throw error;
  }
}

/** Opens the file at the first read, and tells so: lines that arrive before it would be lost. */
async function* linesOf(file: string, onBegin: () => void): AsyncGenerator<string> {
  onBegin();
  yield* createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}
