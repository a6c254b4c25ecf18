import { Registry } from 'prom-client';
import { ActionDurations } from '../../../controller/loadbalancer/ActionDurations.js';
import { ColorMetrics } from '../../../controller/loadbalancer/ColorMetrics.js';
import { Colors } from '../../../controller/loadbalancer/Colors.js';
import { generateHash, schedule, type InvokerChoice } from '../../../controller/loadbalancer/schedule.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { Shares } from '../../../controller/loadbalancer/Shares.js';
import type { PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { seeded, zipf } from '../../unit/shared/colors/workload.js';
import { activationMessage } from '../../unit/controller/loadbalancer/messages.js';

/*
 * Invokers with a memory, simulated by discrete events: the balancer's own classes place each invocation, and an invoker runs
 * what it gets first come, first served. An invocation is quick if its invoker has the color in memory, and slow if not.
 */

export interface SimulationOptions {
  readonly policy: PolicyName;
  readonly patienceMs: number;
  readonly invokers: number;
  readonly slots: number;
  readonly colors: number;
  /** Of Zipf's law. */
  readonly exponent: number;
  /** Colors that an invoker has in memory; the one used least lately goes. */
  readonly kept: number;
  readonly hitMs: number;
  readonly missMs: number;
  /**
   * Whether a color is in memory from the start of its first invocation, so that later ones share its work, or from its end:
   * then several slow ones may run at once.
   */
  readonly keptFrom: 'start' | 'end';
  readonly seed: number;
}

export const SIMULATION: Omit<SimulationOptions, 'policy' | 'patienceMs'> = {
  invokers: 10,
  slots: 8,
  colors: 5000,
  exponent: 0.9,
  kept: 300,
  hitMs: 5,
  missMs: 25,
  keptFrom: 'start',
  seed: 1,
};

/** Invocations per second, for so long in ms. */
export interface Phase {
  readonly rate: number;
  readonly ms: number;
}

/** Of the invocations that arrived within a window. */
export interface Seen {
  readonly hits: number;
  readonly home: number;
  readonly p50: number;
  readonly p99: number;
}

interface Arrived {
  readonly color: number;
  readonly at: number;
  readonly invoker: number;
  readonly home: boolean;
  readonly durationMs: number;
  hit: boolean;
  endedAt: number;
}

const MEMORY = 128;
const KEY = 'guest/read@0.0.1';

/** Runs phases of a load one after the other. @returns all invocations, in the order of their arrival. */
export function simulate(options: SimulationOptions, phases: readonly Phase[]): Arrived[] {
  const random = seeded(options.seed);
  const draw = zipf(options.colors, options.exponent, random);
  let now = 0;
  let inFlight = 0;
  const shares = new Shares({ managedFraction: 1, blackboxFraction: 1, minMemory: MEMORY });
  const up = Array.from({ length: options.invokers }, (_, i) => ({
    instance: invokerInstance(i, `host${i}`, options.slots * MEMORY),
    status: 'up' as const,
  }));
  shares.updateInvokers(up);
  const colors = new Colors({
    messaging: new EmbeddedMessaging(),
    topic: topics().colors,
    logger: silentLogger,
    metrics: new ColorMetrics(new Registry()),
    options: { ...BALANCER.colors, policy: options.policy, patienceMs: options.patienceMs, shared: false },
    shares,
    totalUnderWay: () => inFlight,
    self: '0',
    leads: () => true,
    now: () => now,
  });
  colors.invokersChanged(up);
  const durations = new ActionDurations();
  const message = activationMessage();
  const invokers = up.map(() => ({ running: 0, queue: [] as Arrived[], head: 0, memory: new Map<number, true>() }));
  const ends = new Heap();
  const all: Arrived[] = [];

  const keep = (memory: Map<number, true>, color: number): void => {
    memory.delete(color);
    memory.set(color, true);
    if (memory.size > options.kept) memory.delete(memory.keys().next().value as number);
  };
  const start = (one: Arrived): void => {
    const invoker = invokers[one.invoker] as (typeof invokers)[number];
    invoker.running++;
    one.hit = invoker.memory.has(one.color);
    if (one.hit || options.keptFrom === 'start') keep(invoker.memory, one.color);
    one.endedAt = now + (one.hit ? options.hitMs : options.missMs);
    ends.push(one.endedAt, one);
  };
  const end = (one: Arrived): void => {
    const invoker = invokers[one.invoker] as (typeof invokers)[number];
    invoker.running--;
    inFlight--;
    if (options.keptFrom === 'end') keep(invoker.memory, one.color);
    durations.note(KEY, one.hit ? options.hitMs : options.missMs);
    shares.candidate(one.invoker)?.capacity.release(KEY, 1, MEMORY, one.durationMs, now);
    const next = invoker.queue[invoker.head];
    if (!next) return;
    invoker.head++;
    if (invoker.head > 1000) {
      invoker.queue.splice(0, invoker.head);
      invoker.head = 0;
    }
    start(next);
  };

  let ticked = 0;
  let until = 0;
  for (const { rate, ms } of phases) {
    until += ms;
    for (;;) {
      const at = now + (-Math.log(1 - random()) * 1000) / rate;
      if (at > until) break;
      while (ends.first <= at) {
        now = ends.first;
        end(ends.pop());
      }
      now = at;
      for (; now - ticked >= 1000; ticked += 1000) colors.tick();
      const color = draw();
      const resources = { key: KEY, concurrency: 1, memory: MEMORY, durationMs: durations.of(KEY) };
      const uncolored = (): InvokerChoice | undefined =>
        schedule(shares.managed.candidates, shares.managed.stepSizes, generateHash('guest', 'read'), resources, random);
      const placed = colors.place(shares.managed, message, { value: `c${color}` }, resources, uncolored);
      if (!placed) throw new Error('no invoker is up');
      placed.candidate.capacity.take(KEY, 1, MEMORY, resources.durationMs, now);
      inFlight++;
      const one: Arrived = {
        color,
        at: now,
        invoker: placed.candidate.instance,
        home: message.color?.hit === true,
        durationMs: resources.durationMs,
        hit: false,
        endedAt: Infinity,
      };
      all.push(one);
      const invoker = invokers[one.invoker] as (typeof invokers)[number];
      if (invoker.running < options.slots) start(one);
      else invoker.queue.push(one);
    }
    now = until;
  }
  while (ends.first < Infinity) {
    now = ends.first;
    end(ends.pop());
  }
  return all;
}

/** What the invocations saw that arrived from `from` to `to`, in ms. */
export function seen(all: readonly Arrived[], from: number, to: number): Seen {
  const within = all.filter(({ at }) => at >= from && at < to);
  const latencies = Float64Array.from(within, ({ at, endedAt }) => endedAt - at).toSorted();
  const share = (of: (one: Arrived) => boolean): number => within.filter(of).length / Math.max(1, within.length);
  return {
    hits: share(({ hit }) => hit),
    home: share(({ home }) => home),
    p50: latencies[Math.floor(latencies.length * 0.5)] ?? NaN,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? NaN,
  };
}

/** The ends to come, the earliest first. */
class Heap {
  readonly #times: number[] = [];
  readonly #items: Arrived[] = [];

  get first(): number {
    return this.#times[0] ?? Infinity;
  }

  push(time: number, item: Arrived): void {
    let at = this.#times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#times[parent] as number) <= time) break;
      this.#times[at] = this.#times[parent] as number;
      this.#items[at] = this.#items[parent] as Arrived;
      at = parent;
    }
    this.#times[at] = time;
    this.#items[at] = item;
  }

  pop(): Arrived {
    const first = this.#items[0] as Arrived;
    const time = this.#times.pop() as number;
    const item = this.#items.pop() as Arrived;
    const count = this.#times.length;
    if (count === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= count) break;
      if (child + 1 < count && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++;
      if ((this.#times[child] as number) >= time) break;
      this.#times[at] = this.#times[child] as number;
      this.#items[at] = this.#items[child] as Arrived;
      at = child;
    }
    this.#times[at] = time;
    this.#items[at] = item;
    return first;
  }
}
