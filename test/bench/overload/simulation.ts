import { Registry } from 'prom-client';
import { ActionDurations } from '../../../controller/loadbalancer/ActionDurations.js';
import { ColorMetrics } from '../../../controller/loadbalancer/ColorMetrics.js';
import { Colors } from '../../../controller/loadbalancer/Colors.js';
import { generateHash, schedule, type InvokerChoice } from '../../../controller/loadbalancer/schedule.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { Shares } from '../../../controller/loadbalancer/Shares.js';
import type { PolicyName } from '../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { InvokerHealth } from '../../../controller/loadbalancer/LoadBalancer.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { seeded, zipf } from '../../unit/shared/colors/workload.js';
import { activationMessage } from '../../unit/controller/loadbalancer/messages.js';

/*
 * Invokers with a memory, simulated by discrete events: the balancer's own classes place each invocation, and an invoker runs
 * what it gets first come, first served. An invocation is quick if its invoker has the color in memory, and slow if not. An
 * invoker from the start has a warm container for each slot. One that joins or returns has neither containers nor colors.
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
  /** The start of a container, in ms. */
  readonly coldMs: number;
  /** The time over which colors move, in ms. */
  readonly moveMs: number;
  /** Whether invokers prepare containers for colors that move to them. */
  readonly prepares: boolean;
  /** In the order of their times. */
  readonly changes: readonly Change[];
  readonly seed: number;
}

/** A change of an invoker. A new number joins; `back` comes with an empty memory. */
export interface Change {
  readonly atMs: number;
  readonly invoker: number;
  readonly to: 'joined' | 'draining' | 'down' | 'back';
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
  coldMs: 500,
  moveMs: BALANCER.colors.moveMs,
  prepares: true,
  changes: [],
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
  /** Invocations that had to wait for the start of a container. */
  readonly cold: number;
}

export interface Arrived {
  readonly color: number;
  readonly at: number;
  readonly invoker: number;
  readonly home: boolean;
  readonly durationMs: number;
  hit: boolean;
  /** Whether it had to wait for the start of a container. */
  cold: boolean;
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
  const healthOf = (invoker: number, to: Change['to']): InvokerHealth => ({
    instance: invokerInstance(invoker, `host${invoker}`, options.slots * MEMORY),
    status: to === 'draining' || to === 'down' ? 'down' : 'up',
    prepares: true,
    ...(to === 'draining' ? { drains: true } : {}),
  });
  const health = Array.from({ length: options.invokers }, (_, i) => healthOf(i, 'joined'));
  shares.updateInvokers(health);
  /** To happen besides arrivals and ends, the next one first. */
  const timed: { readonly at: number; readonly run: () => void }[] = [];
  const colors = new Colors({
    messaging: new EmbeddedMessaging(),
    topic: topics().colors,
    logger: silentLogger,
    metrics: new ColorMetrics(new Registry()),
    options: {
      ...BALANCER.colors,
      policy: options.policy,
      patienceMs: options.patienceMs,
      moveMs: options.moveMs,
      shared: false,
    },
    shares,
    prepare: options.prepares
      ? (invoker, { prepare = 0 }) => {
          // All of them start at once.
          const run = (): void => {
            const of = invokers[invoker] as Simulated;
            of.containers = Math.max(of.containers, Math.min(options.slots, prepare));
          };
          timed.push({ at: now + options.coldMs, run });
          timed.sort((a, b) => a.at - b.at);
        }
      : undefined,
    totalUnderWay: () => inFlight,
    self: '0',
    leads: () => true,
    now: () => now,
  });
  colors.invokersChanged(health);
  const durations = new ActionDurations();
  const message = activationMessage();
  const invokers: Simulated[] = health.map(() => newInvoker(options.slots));
  for (const { atMs, invoker, to } of options.changes) {
    const run = (): void => {
      health[invoker] = healthOf(invoker, to);
      const of = (invokers[invoker] ??= newInvoker(0));
      if (to === 'back') {
        of.containers = of.running;
        of.memory.clear();
      }
      const list = [...health];
      shares.updateInvokers(list);
      colors.invokersChanged(list);
    };
    timed.push({ at: atMs, run });
  }
  const ends = new Heap();
  const all: Arrived[] = [];

  const keep = (memory: Map<number, true>, color: number): void => {
    memory.delete(color);
    memory.set(color, true);
    if (memory.size > options.kept) memory.delete(memory.keys().next().value as number);
  };
  const start = (one: Arrived): void => {
    const invoker = invokers[one.invoker] as Simulated;
    invoker.running++;
    one.cold = invoker.running > invoker.containers;
    if (one.cold) invoker.containers++;
    one.hit = invoker.memory.has(one.color);
    if (one.hit || options.keptFrom === 'start') keep(invoker.memory, one.color);
    one.endedAt = now + (one.cold ? options.coldMs : 0) + (one.hit ? options.hitMs : options.missMs);
    ends.push(one.endedAt, one);
  };
  const end = (one: Arrived): void => {
    const invoker = invokers[one.invoker] as Simulated;
    invoker.running--;
    inFlight--;
    if (options.keptFrom === 'end') keep(invoker.memory, one.color);
    durations.note(KEY, one.hit ? options.hitMs : options.missMs, one.cold ? undefined : one.hit);
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

  /** Lets all happen that does so up to a time. */
  const advance = (to: number): void => {
    for (;;) {
      const next = timed[0]?.at ?? Infinity;
      if (Math.min(ends.first, next) > to) return;
      if (ends.first <= next) {
        now = ends.first;
        end(ends.pop());
      } else {
        now = next;
        timed.shift()?.run();
      }
    }
  };

  let ticked = 0;
  let until = 0;
  for (const { rate, ms } of phases) {
    until += ms;
    for (;;) {
      const at = now + (-Math.log(1 - random()) * 1000) / rate;
      if (at > until) break;
      advance(at);
      now = at;
      for (; now - ticked >= 1000; ticked += 1000) colors.tick();
      const color = draw();
      const resources = {
        key: KEY,
        concurrency: 1,
        memory: MEMORY,
        durationMs: durations.of(KEY),
        missCostMs: durations.missCostOf(KEY),
      };
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
        cold: false,
        endedAt: Infinity,
      };
      all.push(one);
      const invoker = invokers[one.invoker] as Simulated;
      if (invoker.running < options.slots) start(one);
      else invoker.queue.push(one);
    }
    now = until;
  }
  advance(Number.MAX_VALUE);
  return all;
}

interface Simulated {
  running: number;
  /** The number of its containers, those that run included. */
  containers: number;
  readonly queue: Arrived[];
  /** The index of the first one that waits. */
  head: number;
  readonly memory: Map<number, true>;
}

const newInvoker = (containers: number): Simulated => ({
  running: 0,
  containers,
  queue: [],
  head: 0,
  memory: new Map(),
});

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
    cold: within.filter(({ cold }) => cold).length,
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
