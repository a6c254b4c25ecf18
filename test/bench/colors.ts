import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Registry } from 'prom-client';
import { ColorMetrics } from '../../controller/loadbalancer/ColorMetrics.js';
import { Colors } from '../../controller/loadbalancer/Colors.js';
import { generateHash, schedule, type ResourceRequest } from '../../controller/loadbalancer/schedule.js';
import { BALANCER } from '../../controller/loadbalancer/ShardingBalancer.js';
import { Shares } from '../../controller/loadbalancer/Shares.js';
import { POLICY_NAMES, POLICY_OPTIONS, type PolicyName } from '../../shared/colors/ColorPolicy.js';
import { LeastAssigned } from '../../shared/colors/policies/LeastAssigned.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { invokerInstance } from '../../shared/messages/instances.js';
import { topics } from '../../shared/messaging/topics.js';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import { activationMessage } from '../unit/controller/loadbalancer/messages.js';
import { benchArguments } from './commandLine.js';

/*
 * What it costs to choose the home of a colored invocation, hash and books included: `node dist/test/bench/colors.js`.
 * Exits with 1 where the median is over 2 µs with 10 invokers or 5 µs with 1,000, or a color in `least-assigned` takes
 * 200 bytes or more. Times are means of 20 calls, so that the clock does not count for much.
 */

const USAGE = `Usage: node dist/test/bench/colors.js

Measures the time to choose the home of a colored invocation, by each policy, with 10 and with 1,000 invokers.

Exits with 1 if a target is missed.
`;
benchArguments(USAGE);

const TARGETS = [
  { invokers: 10, limitUs: 2 },
  { invokers: 1000, limitUs: 5 },
] as const;
const COLORS = 100_000;
const BATCH = 20;
/** Together as many calls as there are colors: a first pass meets each color once, as a new one. */
const BATCHES = COLORS / BATCH;
const BYTES = 200;

const resources: ResourceRequest = { key: 'guest/hello@0.0.1', concurrency: 1, memory: 256 };
const names = Array.from({ length: COLORS }, (_, i) => `post-${(i * 7919) % COLORS}`);
let missed = false;

// Before anything else, so that nothing else is collected meanwhile.
const before = memory();
const table = new LeastAssigned({ options: POLICY_OPTIONS, share: () => undefined });
table.joined(Array.from({ length: 10 }, (_, i) => i));
for (let i = 0; i < 500_000; i++) {
  table.shared.adopt({ key: String(i * 9_007_199_253 + 1), value: i % 10 }, 0);
}
const perColor = (memory() - before) / table.size;
console.log(`least-assigned: ${perColor.toFixed(0)} bytes a color with ${table.size} colors (target under ${BYTES})`);
if (perColor >= BYTES) missed = true;

for (const { invokers, limitUs } of TARGETS) {
  console.log(`\n${invokers} invokers (µs, target ${limitUs} at the median)`);
  console.log(`${'policy'.padEnd(22)}${'median'.padStart(8)}${'p99'.padStart(8)}   new colors: median, p99`);
  report('none (OpenWhisk)', measure(uncolored(invokers)), undefined, Infinity);
  for (const policy of POLICY_NAMES) {
    const place = palette(policy, invokers);
    const first = measure(place);
    report(policy, measure(place), first, limitUs);
  }
}

process.exitCode = missed ? 1 : 0;

function sharesOf(invokers: number): Shares {
  const shares = new Shares({ managedFraction: 1, blackboxFraction: 1, minMemory: 128 });
  shares.updateInvokers(
    Array.from({ length: invokers }, (_, i) => ({ instance: invokerInstance(i, `host${i}`, 65_536), status: 'up' })),
  );
  return shares;
}

function palette(policy: PolicyName, invokers: number): (call: number) => void {
  const shares = sharesOf(invokers);
  const colors = new Colors({
    messaging: new EmbeddedMessaging(),
    topic: topics().colors,
    logger: silentLogger,
    options: { ...BALANCER.colors, policy, parameters: POLICY_OPTIONS, shared: false },
    shares,
    metrics: new ColorMetrics(new Registry()),
    totalUnderWay: () => 0,
    self: '0',
    leads: () => true,
    // With the books of recent actions.
    prepare: () => undefined,
    now: Date.now,
  });
  colors.invokersChanged(
    shares.all.map(({ instance }) => ({ instance: invokerInstance(instance, '', 1), status: 'up' })),
  );
  const message = activationMessage();
  const { managed } = shares;
  const none = (): undefined => undefined;
  colors.place(managed, message, { value: 'first' }, resources, none);
  return (call) => {
    const value = names[call % COLORS];
    if (value !== undefined) colors.place(managed, message, { value }, resources, none);
  };
}

function uncolored(invokers: number): (call: number) => void {
  const { managed } = sharesOf(invokers);
  return (call) => {
    const hash = generateHash('guest', `guest/action${call % 100}`);
    schedule(managed.candidates, managed.stepSizes, hash, resources, Math.random);
  };
}

type Times = readonly number[];

/** Microseconds of a call, each over a batch, in ascending order. */
function measure(call: (call: number) => void): Times {
  const times: number[] = [];
  for (let batch = 0, at = 0; batch < BATCHES; batch++) {
    const begin = performance.now();
    for (let i = 0; i < BATCH; i++) call(at++);
    times.push(((performance.now() - begin) * 1000) / BATCH);
  }
  return times.toSorted((a, b) => a - b);
}

function report(name: string, known: Times, fresh: Times | undefined, limitUs: number): void {
  const at = (times: Times, q: number): number => times[Math.floor(q * BATCHES)] ?? NaN;
  const show = (us: number): string => us.toFixed(2).padStart(8);
  const more = fresh === undefined ? '' : `   ${show(at(fresh, 0.5))}${show(at(fresh, 0.99))}`;
  const met = at(known, 0.5) <= limitUs && (fresh === undefined || at(fresh, 0.5) <= limitUs);
  if (!met) missed = true;
  console.log(`${name.padEnd(22)}${show(at(known, 0.5))}${show(at(known, 0.99))}${more}${met ? '' : '   MISSED'}`);
}

/** In use, without what is only waiting to be collected. */
function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
