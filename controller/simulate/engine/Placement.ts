import { Registry } from 'prom-client';
import type { PolicyMaker, PolicyOptions } from '../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { at } from '../../../shared/collections/at.js';
import { ActionDurations } from '../../loadbalancer/ActionDurations.js';
import { ColorMetrics } from '../../loadbalancer/ColorMetrics.js';
import { Colors } from '../../loadbalancer/Colors.js';
import type { ColorRequest, InvokerHealth } from '../../loadbalancer/LoadBalancer.js';
import { generateHash, schedule, type InvokerChoice } from '../../loadbalancer/schedule.js';
import { BALANCER } from '../../loadbalancer/ShardingBalancer.js';
import { Shares } from '../../loadbalancer/Shares.js';
import { seeded } from './random.js';

/** The settings of the balancer. A missing setting has the shipped default. */
export interface PlacementOptions {
  /** A built-in policy or one of `custom`. Missing: the shipped default. */
  readonly policy?: string | undefined;
  /** Other policies by name. */
  readonly custom?: Readonly<Record<string, PolicyMaker>> | undefined;
  /** The parameters of the policy. Missing ones have their defaults. */
  readonly parameters?: Partial<PolicyOptions> | undefined;
  /** The longest expected wait of a colored invocation at its home, in ms, as `COLOR_PATIENCE` sets it. */
  readonly patienceMs?: number | undefined;
  /** The number of invokers, its home included, where a color may wait. */
  readonly homes?: number | undefined;
  /** The time over which an invoker that joins or returns gets its colors, in ms. */
  readonly moveMs?: number | undefined;
}

/** The slot of one invocation, in MB: the memory of the simulated actions. */
const SLOT_MB = 128;

/** An action in the simulation, with the balancer's key of it. */
interface SimulatedAction {
  readonly key: string;
  readonly hash: number;
  readonly concurrency: number;
  readonly memory: number;
  durationMs: number;
  missCostMs: number | undefined;
}

/** The counts of the balancer over all policies in use. */
export interface BalancerCounts {
  /** Colored invocations that were placed. */
  assignments: number;
  /** Colored invocations that were placed on their home. */
  hits: number;
  /** Colored invocations that were expected to wait for room on their invoker. */
  waits: number;
  /** Colored invocations that were placed on one of their next choices. */
  spills: number;
  /** Colored invocations that were placed like uncolored ones, since none of their choices had room. */
  strays: number;
  /** Homes of colors, or buckets, that moved. */
  moves: number;
}

/** Where an invocation goes. One object serves all invocations. */
export interface Placed {
  worker: number;
  /** Whether the worker is the home of its color. */
  home: boolean;
  /** The expected duration at its placement; to be given to `release`. */
  expectedMs: number;
}

/**
 * The shipped balancer, without messages: `Colors` with its policies, patience, warm-up and load reports, `schedule`
 * for uncolored invocations, and the estimates of room (`InvokerCapacity`) and of durations (`ActionDurations`). Time
 * comes in as an argument. Worker `i` is invoker `i`.
 */
export class Placement {
  readonly #colors: Colors;
  readonly #shares: Shares;
  readonly #durations = new ActionDurations();
  readonly #actions: SimulatedAction[];
  readonly #message: ActivationMessage = MESSAGE();
  readonly #placed: Placed = { worker: 0, home: false, expectedMs: 0 };
  readonly #uncolored: () => InvokerChoice | undefined;
  readonly #workers: InvokerHealth[] = [];
  #action: SimulatedAction;
  #now = 0;
  #underWay = 0;

  /** @throws RangeError for an unknown policy, at the first colored invocation. */
  constructor(actions: readonly string[], options: PlacementOptions, seed: number) {
    const { policy, custom, parameters, patienceMs, homes, moveMs } = options;
    const standard = BALANCER.colors;
    const random = seeded(seed);
    this.#shares = new Shares({ managedFraction: 1, blackboxFraction: 1, minMemory: SLOT_MB });
    this.#colors = new Colors({
      messaging: new EmbeddedMessaging(),
      topic: topics().colors,
      logger: silentLogger,
      metrics: new ColorMetrics(new Registry()),
      options: {
        ...standard,
        policy: policy ?? standard.policy,
        custom: custom ?? {},
        parameters: { ...standard.parameters, seed, ...parameters },
        patienceMs: patienceMs ?? standard.patienceMs,
        homes: homes ?? standard.homes,
        moveMs: moveMs ?? standard.moveMs,
        shared: false,
      },
      shares: this.#shares,
      totalUnderWay: () => this.#underWay,
      self: '0',
      leads: () => true,
      now: () => this.#now,
    });
    this.#actions = actions.map((name) => ({
      key: `guest/${name}@0.0.1`,
      hash: generateHash('guest', `guest/${name}`),
      concurrency: 1,
      memory: SLOT_MB,
      durationMs: 0,
      missCostMs: undefined,
    }));
    this.#action = { key: '', hash: 0, concurrency: 1, memory: SLOT_MB, durationMs: 0, missCostMs: undefined };
    this.#uncolored = () => {
      const { candidates, stepSizes } = this.#shares.managed;
      return schedule(candidates, stepSizes, this.#action.hash, this.#action, random);
    };
  }

  /** Adds workers with a number of slots each; their numbers follow those of the earlier ones. */
  join(slots: readonly number[], now: number): void {
    this.#now = now;
    for (const count of slots) {
      const number = this.#workers.length;
      this.#workers.push({ instance: invokerInstance(number, `worker${number}`, count * SLOT_MB), status: 'up' });
    }
    this.#changed();
  }

  /** A worker goes down, or is up again. */
  setUp(worker: number, up: boolean, now: number): void {
    this.#now = now;
    this.#workers[worker] = { ...at(this.#workers, worker), status: up ? 'up' : 'down' };
    this.#changed();
  }

  /** To be called each second: it drives load reports, warm-ups and the removal of workers that are gone. */
  tick(now: number): void {
    this.#now = now;
    this.#colors.tick();
  }

  /**
   * Places an invocation and takes its slot. The result is valid until the next call.
   * @param action the number of its action.
   * @param color undefined: an uncolored invocation.
   * @returns undefined if no worker is up.
   */
  place(action: number, color: ColorRequest | undefined, now: number): Placed | undefined {
    this.#now = now;
    const request = at(this.#actions, action);
    this.#action = request;
    request.durationMs = this.#durations.of(request.key);
    request.missCostMs = this.#durations.missCostOf(request.key);
    const message = this.#message;
    const choice =
      color === undefined
        ? this.#uncolored()
        : this.#colors.place(this.#shares.managed, message, color, request, this.#uncolored);
    if (!choice) return undefined;
    const { key, concurrency, memory, durationMs } = request;
    choice.candidate.capacity.take(key, concurrency, memory, durationMs, now);
    this.#underWay++;
    const placed = this.#placed;
    placed.worker = choice.candidate.instance;
    placed.home = color !== undefined && message.color?.hit === true;
    placed.expectedMs = durationMs;
    return placed;
  }

  /**
   * Releases the slot of an invocation that ended.
   * @param met whether it had what it read in memory. Undefined: it has no color, or reads nothing.
   */
  release(action: number, worker: number, expectedMs: number, actualMs: number, now: number, met?: boolean): void {
    const { key, concurrency, memory } = at(this.#actions, action);
    this.#durations.note(key, actualMs, met);
    this.#shares.known(worker).capacity.release(key, concurrency, memory, expectedMs, now);
    this.#underWay--;
  }

  /**
   * The home of a color's objects, as the controller names it to invokers: for a policy without homes by consistent
   * hashing. A new color gets its home.
   * @returns undefined if no worker is up.
   */
  homeOf(color: ColorRequest, now: number): number | undefined {
    this.#now = now;
    return this.#colors.order(this.#shares.managed, this.#message.user, color).homes[0];
  }

  /** The balancer's counts over all policies in use. */
  counts(): BalancerCounts {
    const total: BalancerCounts = { assignments: 0, hits: 0, waits: 0, spills: 0, strays: 0, moves: 0 };
    for (const one of this.#colors.view().inUse) {
      total.assignments += one.assignments;
      total.hits += one.hits;
      total.waits += one.waits;
      total.spills += one.spills;
      total.strays += one.strays;
      total.moves += one.moves;
    }
    return total;
  }

  #changed(): void {
    const workers = [...this.#workers];
    this.#shares.updateInvokers(workers);
    this.#colors.invokersChanged(workers);
  }
}

/** The message of all simulated invocations: the balancer reads only its namespace, and sets its color. */
const MESSAGE = (): ActivationMessage => ({
  transid: { id: 'simulation', start: 0 },
  action: { path: 'guest', name: 'simulated', version: '0.0.1' },
  revision: null,
  user: {
    subject: 'guest',
    namespace: { name: 'guest', uuid: '' },
    authkey: {},
    rights: ['ACTIVATE'],
    limits: {},
  },
  activationId: '',
  rootControllerIndex: { asString: '0', instanceType: 'controller' },
  blocking: true,
  initArgs: [],
  lockedArgs: {},
});
