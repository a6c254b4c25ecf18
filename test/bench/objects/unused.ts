import { startStandalone, type BenchServer } from '../server.js';
import { latencies, quantile, throughput, timed } from '../statistics.js';
import { format, type Context, type Driver } from './report.js';

const CODE = 'function main() { return {}; }';
const INVOKE = '/actions/noop?blocking=true&result=true';
const CONNECTIONS = 8;
/** The calls of a round, for throughput and processor time. */
const CALLS = 200;
/** The widest half of an interval with a verdict. */
const MAX_HALF = 0.05;

/** One server, with what it took in each round. */
interface Subject {
  readonly server: BenchServer;
  readonly p50: number[];
  readonly perS: number[];
  readonly cpuMs: number[];
}

/** What one pair of servers took, in each round. */
interface Pair {
  readonly on: Subject;
  readonly off: Subject;
}

/**
 * What an installation pays that does not use objects: invocations of an action that knows nothing of them, on a server
 * that has objects and on one without. The rounds take turns, and each is compared with that of the other server beside
 * it. Two equal servers differ by some percent, too, as processes do, and the one that started first is often the slower one. So several
 * pairs are measured, whose servers start in turns. Nothing is measurable if 1 is in the interval of the median ratio of
 * the pairs. If the interval is wide, there is no verdict.
 */
export async function measureUnused(context: Context): Promise<void> {
  const [pairs, rounds] = context.full ? [16, 16] : [6, 10];
  const measured: Pair[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    context.progress(`unused: pair ${pair + 1} of ${pairs}: two servers, with objects and without`);
    measured.push(await measurePair(context.driver, rounds, pair % 2 === 0));
  }
  compare(context, 'unused: invocation, p50', 'ms', measured, ({ p50 }) => p50);
  compare(context, 'unused: throughput', '/s', measured, ({ perS }) => perS, true);
  compare(context, 'unused: processor time a call', 'ms', measured, ({ cpuMs }) => cpuMs);
}

/** @param isFirst whether the server with objects starts first. */
async function measurePair(driver: Driver, rounds: number, isFirst: boolean): Promise<Pair> {
  const startOff = (): Promise<Subject> => start(driver, { CONFIG_whisk_objects_memory: '0' });
  const early = await (isFirst ? start(driver, {}) : startOff());
  const late = await (isFirst ? startOff() : start(driver, {}));
  const [on, off] = isFirst ? [early, late] : [late, early];
  try {
    for (const { server } of [early, late]) await load(server, 1500);
    for (let round = 0; round < rounds; round++) {
      // Who comes first has the other one's garbage beside it.
      for (const subject of round % 2 === 0 ? [on, off] : [off, on]) await measure(subject);
    }
  } finally {
    await Promise.all([on.server.stop(), off.server.stop()]);
  }
  return { on, off };
}

async function start(driver: Driver, environment: Readonly<Record<string, string>>): Promise<Subject> {
  const limits = { LIMITS_ACTIONS_INVOKES_PERMINUTE: '10000000', LIMITS_ACTIONS_INVOKES_CONCURRENT: '1000' };
  const server = await startStandalone([`--${driver}`, '--no-catalog'], { environment: { ...limits, ...environment } });
  await server.request('PUT', '/actions/noop', { exec: { kind: 'nodejs:20', code: CODE } });
  return { server, p50: [], perS: [], cpuMs: [] };
}

const load = (server: BenchServer, ms: number): Promise<number> =>
  throughput(CONNECTIONS, ms, async () => void (await server.request('POST', INVOKE, {})));

async function measure({ server, p50, perS, cpuMs }: Subject): Promise<void> {
  const invoke = async (): Promise<void> => void (await server.request('POST', INVOKE, {}));
  p50.push(latencies(await timed(50, invoke)).p50);
  const [cpu, begun] = [server.processorMs(), performance.now()];
  let left = CALLS;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await invoke();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
  perS.push(CALLS / ((performance.now() - begun) / 1000));
  cpuMs.push((server.processorMs() - cpu) / CALLS);
}

/**
 * @param figures of the rounds of a server.
 * @param isBetterHigh whether a higher figure is the better one.
 */
function compare(
  { add }: Context,
  name: string,
  unit: string,
  pairs: readonly Pair[],
  figures: (subject: Subject) => readonly number[],
  isBetterHigh = false,
): void {
  const ratioOf = ({ on, off }: Pair): number => {
    const without = figures(off);
    return middleOf(
      figures(on).map((value, i) => {
        const other = without[i] ?? NaN;
        return isBetterHigh ? other / value : value / other;
      }),
    );
  };
  const ratios = pairs.map(ratioOf).toSorted((a, b) => a - b);
  const middle = middleOf(ratios);
  // The usual interval of 95 % of a median (the notch of a box plot).
  const half = (1.57 * (quantile(ratios, 0.75) - quantile(ratios, 0.25))) / Math.sqrt(ratios.length);
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const without = middleOf(pairs.flatMap(({ off }) => figures(off)));
  const beside = `without ${format(without)}, worse by ${percent(middle - 1)} ± ${percent(half)}`;
  const goal = half > MAX_HALF ? undefined : { text: 'nothing measurable', met: middle - half <= 1 };
  const value = middleOf(pairs.flatMap(({ on }) => figures(on)));
  add({ name, value, unit, beside: goal ? beside : `${beside}: no verdict`, goal });
}

const middleOf = (values: readonly number[]): number => latencies([...values]).p50;
