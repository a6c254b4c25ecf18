import type { BenchServer } from '../server.js';
import type { Load } from './loads.js';
import type { Usage } from './probe.js';
import type { Probed } from './Probed.js';

/** What a process spent on the calls of one window. Times in µs a call. */
export interface Cost {
  readonly calls: number;
  readonly perSecond: number;
  readonly user: number;
  readonly system: number;
  readonly mainThread: number;
  /** The part of the time in which the event loop was not idle. */
  readonly loop: number;
  /** Resident memory at the end, in MB. */
  readonly residentMB: number;
}

/** Sends a load of so many calls, and tells what each process spent on a call. */
export async function costs(
  server: BenchServer,
  probes: readonly Probed[],
  load: Load,
  calls: number,
): Promise<Cost[]> {
  const before = await Promise.all(probes.map((probe) => probe.usage()));
  const start = performance.now();
  await load.run(server, calls);
  const seconds = (performance.now() - start) / 1000;
  const after = await Promise.all(probes.map((probe) => probe.usage()));
  return after.map((usage, i) => cost(before[i] ?? usage, usage, calls, seconds));
}

function cost(before: Usage, after: Usage, calls: number, seconds: number): Cost {
  return {
    calls,
    perSecond: calls / seconds,
    user: (after.user - before.user) / calls,
    system: (after.system - before.system) / calls,
    mainThread: (after.mainThread - before.mainThread) / calls,
    loop: (after.active - before.active) / (after.all - before.all),
    residentMB: after.rss / 2 ** 20,
  };
}
