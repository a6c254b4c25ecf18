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

/**
 * What an installation pays that does not use objects: invocations of an action that knows nothing of them, on a server
 * that has objects and on one without. The rounds take turns, and each is compared with that of the other server beside
 * it. Nothing is measurable if 1 is in the interval of the median ratio. Without a narrow interval there is no verdict.
 */
export async function measureUnused(context: Context): Promise<void> {
  const rounds = context.full ? 90 : 30;
  context.progress('two servers, with objects and without');
  const [on, off] = await Promise.all([
    start(context.driver, {}),
    start(context.driver, { CONFIG_whisk_objects_memory: '0' }),
  ]);
  try {
    for (const { server } of [on, off]) await load(server, 2000);
    for (let round = 0; round < rounds; round++) {
      if (round % 10 === 0) context.progress(`unused: round ${round} of ${rounds}`);
      // Who comes first has the other one's garbage beside it.
      for (const subject of round % 2 === 0 ? [on, off] : [off, on]) await measure(subject);
    }
  } finally {
    await Promise.all([on.server.stop(), off.server.stop()]);
  }
  compare(context, 'unused: invocation, p50', 'ms', on.p50, off.p50, (with_, without) => with_ / without);
  compare(context, 'unused: throughput', '/s', on.perS, off.perS, (with_, without) => without / with_);
  compare(context, 'unused: processor time a call', 'ms', on.cpuMs, off.cpuMs, (with_, without) => with_ / without);
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

/** @param ratio above 1 where it is worse with objects. */
function compare(
  { add }: Context,
  name: string,
  unit: string,
  on: readonly number[],
  off: readonly number[],
  ratio: (on: number, off: number) => number,
): void {
  const ratios = on.map((value, i) => ratio(value, off[i] ?? NaN)).toSorted((a, b) => a - b);
  const middle = quantile(ratios, 0.5);
  // The usual interval of 95 % of a median (the notch of a box plot).
  const half = (1.57 * (quantile(ratios, 0.75) - quantile(ratios, 0.25))) / Math.sqrt(ratios.length);
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const beside = `without ${format(latencies(off).p50)}, worse by ${percent(middle - 1)} ± ${percent(half)}`;
  const goal = half > MAX_HALF ? undefined : { text: 'nothing measurable', met: middle - half <= 1 };
  add({ name, value: latencies(on).p50, unit, beside: goal ? beside : `${beside}: no verdict`, goal });
}
