import { containerKey, flowOf, newEntry, type ContainerEntry } from '../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../invoker/pool/ContainerTable.js';
import { dueContainers, place, placeInAdvance, type ContainerRequest } from '../../../invoker/pool/decide.js';
import { IdlePrediction } from '../../../invoker/pool/IdlePrediction.js';
import { EventHeap } from '../../../controller/simulate/engine/EventHeap.js';
import type { Trace } from '../../../controller/simulate/index.js';
import { numberAt } from '../../../shared/collections/at.js';

/*
 * Runs a trace through the decisions of the shipped pool: `ContainerTable`, `decide.ts` and `IdlePrediction`. Only the
 * effects are simulated: a container is ready at once, and its removal takes no time. Stem cells are left out: they make
 * cold starts faster, and do not change their number.
 */

export interface PoolSimulation {
  /** The memory for containers in MB; Infinity: as much as they need. */
  readonly capacityMB: number;
  /** The fixed idle time after the grace time, in ms. */
  readonly idleContainerMs: number;
  readonly predicts: boolean;
}

export interface PoolOutcome {
  readonly invocations: number;
  readonly cold: number;
  /** Invocations that waited for memory. */
  readonly waited: number;
  /** Containers that were started in advance, and those of them that got an invocation. */
  readonly inAdvance: number;
  readonly inAdvanceUsed: number;
  /** The mean over time of the memory of all containers, and of those without an invocation, in MB. */
  readonly meanMB: number;
  readonly meanIdleMB: number;
  /** By action: invocations and cold starts. */
  readonly byAction: readonly { readonly invocations: number; readonly cold: number }[];
}

const MEMORY_MB = 256;
const GRACE_MS = 10_000;
const SWEEP_MS = 5000;
/** As in `ContainerPool`: 4 for each second. */
const AT_ONCE = 20;
const MAX_ACTIONS = 4096;

export function simulatePool(trace: Trace, options: PoolSimulation): PoolOutcome {
  return new Simulation(trace, options).run();
}

class Simulation {
  readonly #trace: Trace;
  readonly #options: PoolSimulation;
  readonly #table: ContainerTable<ContainerEntry>;
  readonly #prediction: IdlePrediction<ContainerRequest> | undefined;
  readonly #requests: readonly ContainerRequest[];
  readonly #ends = new EventHeap();
  readonly #running = new Map<number, ContainerEntry>();
  readonly #waiting: number[] = [];
  readonly #byAction: { invocations: number; cold: number }[];
  readonly #counts = { cold: 0, waited: 0, inAdvance: 0, inAdvanceUsed: 0 };
  #nextId = 1;
  #busy = 0;
  #changedAt = 0;
  #mbMs = 0;
  #idleMbMs = 0;

  constructor(trace: Trace, options: PoolSimulation) {
    this.#trace = trace;
    this.#options = options;
    this.#table = new ContainerTable(options.capacityMB, 8);
    if (options.predicts) {
      const fixedMs = options.idleContainerMs;
      this.#prediction = new IdlePrediction({ graceMs: GRACE_MS, fixedMs, maxActions: MAX_ACTIONS });
    }
    // An application is a namespace.
    const apps = trace.actions.map(() => 'guest');
    trace.t.forEach((_, i) => {
      apps[numberAt(trace.action, i)] = trace.colors[numberAt(trace.color, i)] ?? 'guest';
    });
    this.#requests = trace.actions.map((action, i) => {
      const namespace = apps[i] ?? 'guest';
      const key = containerKey(namespace, `${namespace}/${action}`, '1-a');
      return { key, namespace, kind: 'nodejs:20', memoryMB: MEMORY_MB, color: undefined };
    });
    this.#byAction = trace.actions.map(() => ({ invocations: 0, cold: 0 }));
  }

  run(): PoolOutcome {
    const { t } = this.#trace;
    let sweepAt = SWEEP_MS;
    for (let i = 0; i < t.length; i++) {
      const now = numberAt(t, i);
      for (let next = Math.min(this.#ends.first, sweepAt); next <= now; next = Math.min(this.#ends.first, sweepAt)) {
        if (next === sweepAt) {
          this.#sweep(next);
          sweepAt += SWEEP_MS;
        } else this.#end(this.#ends.pop(), next);
      }
      this.#arrive(i, now);
    }
    const end = t.at(-1) ?? 0;
    this.#account(end);
    return {
      ...this.#counts,
      invocations: t.length,
      meanMB: this.#mbMs / end,
      meanIdleMB: this.#idleMbMs / end,
      byAction: this.#byAction,
    };
  }

  #arrive(i: number, now: number): void {
    const request = this.#requestOf(i);
    this.#prediction?.arrived(flowOf(request.key), () => request, now);
    if (this.#waiting.length > 0 || !this.#start(i, now)) {
      this.#counts.waited++;
      this.#waiting.push(i);
    }
  }

  #start(i: number, now: number): boolean {
    const request = this.#requestOf(i);
    const placement = place(this.#table, request, now);
    let entry: ContainerEntry;
    const counts = this.#byAction[numberAt(this.#trace.action, i)];
    if (placement.kind === 'warm') {
      ({ entry } = placement);
      if (entry.state === 'paused') this.#table.setState(entry, 'warm');
      if (entry.predicted) this.#counts.inAdvanceUsed++;
      entry.predicted = false;
    } else if (placement.kind === 'cold') {
      for (const evicted of placement.evict) this.#remove(evicted, now);
      entry = this.#create(request, now);
      this.#counts.cold++;
      if (counts) counts.cold++;
    } else return false;
    if (counts) counts.invocations++;
    this.#account(now);
    this.#busy++;
    this.#table.assign(entry, undefined);
    this.#running.set(i, entry);
    this.#ends.push(now + numberAt(this.#trace.ms, i), i);
    return true;
  }

  #end(i: number, now: number): void {
    const entry = this.#running.get(i);
    if (!entry) return;
    this.#running.delete(i);
    this.#account(now);
    this.#busy--;
    this.#table.release(entry, false, now);
    this.#prediction?.left(flowOf(this.#requestOf(i).key), now);
    for (let next = this.#waiting[0]; next !== undefined && this.#start(next, now); next = this.#waiting[0]) {
      this.#waiting.shift();
    }
  }

  #sweep(now: number): void {
    const times = { pauseGraceMs: GRACE_MS, idleContainerMs: this.#options.idleContainerMs };
    const { pause, remove } = dueContainers(this.#table, times, now, (entry, at) =>
      this.#prediction?.isOver(entry, at),
    );
    for (const entry of pause) this.#table.setState(entry, 'paused');
    for (const entry of remove) this.#remove(entry, now);
    if (this.#waiting.length > 0) return;
    for (const { ticket, containers } of this.#prediction?.due(now, AT_ONCE) ?? []) {
      while (placeInAdvance(this.#table, ticket, containers)) {
        const entry = this.#create(ticket, now);
        entry.predicted = true;
        entry.lastUsed = now;
        this.#counts.inAdvance++;
      }
    }
  }

  #create({ kind, memoryMB, key }: ContainerRequest, now: number): ContainerEntry {
    this.#account(now);
    const entry = newEntry(this.#nextId++, kind, memoryMB);
    this.#table.addFor(entry, key, 1);
    this.#table.setState(entry, 'warm');
    return entry;
  }

  #remove(entry: ContainerEntry, now: number): void {
    this.#account(now);
    this.#table.retire(entry);
    this.#table.removed(entry);
  }

  /** Adds the memory since the last change. */
  #account(now: number): void {
    const ms = now - this.#changedAt;
    this.#changedAt = now;
    this.#mbMs += ms * this.#table.usedMB;
    this.#idleMbMs += ms * (this.#table.usedMB - this.#busy * MEMORY_MB);
  }

  #requestOf(i: number): ContainerRequest {
    const request = this.#requests[numberAt(this.#trace.action, i)];
    if (!request) throw new Error(`invocation ${i} has no action`);
    return request;
  }
}
