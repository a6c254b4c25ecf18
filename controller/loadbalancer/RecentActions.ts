import { newActivationId } from '../../shared/entities/activationId.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import { preparation } from '../../shared/messages/preparation.js';
import type { ResourceRequest } from './schedule.js';

/*
 * The containers that an invoker prepares before colors move there
 * ================================================================
 *
 * A color that moves to another invoker finds nothing in memory there, which is the price of every move. It should not
 * pay for the start of a container, too. So the balancer remembers the actions of recent colored invocations, and asks an
 * invoker that joins or returns for containers of them. The first colors come a second later (`Warmth.ts`).
 *
 * The number of containers follows from the work that moves: the invocations in a second, times their duration, times
 * the invoker's share. The square root of that is added, since arrivals vary. The actions with most work come first, until
 * the containers fill the invoker's memory, or are 64.
 *
 * Example: an action has 200 invocations a second of 40 ms, so that 8 run at once, and an invoker joins that gets a
 * quarter of the colors. Of these 8 invocations 2 will run there: it prepares ⌈2 + √2⌉ = 4 containers.
 *
 * Trade-offs: the action is initialized without an activation. Its containers are used by whatever comes, evicted for
 * whatever needs their memory, and removed if nothing comes. Actions with a limit on their containers are left out.
 */

/** The most actions to remember. */
const MAX_ACTIONS = 256;
/** The most containers to ask an invoker for. */
const MAX_CONTAINERS = 64;
/** The weight of the last second in the rate. */
const LATEST = 0.1;
/** An action with a lower rate is forgotten: it was not used for about a minute. */
const FORGET_RATE = 0.0002;
/** The age in ms at which the identity and the environment of the action are taken from another invocation. */
const FRESH_MS = 10_000;

interface RecentAction {
  pool: string;
  /** What a preparation needs of an invocation. Undefined: it is too large to be kept, so no containers are prepared. */
  message: ActivationMessage | undefined;
  messageAt: number;
  resources: ResourceRequest;
  /** Invocations since the last tick. */
  placed: number;
  /** The running average of invocations in a second. */
  rate: number;
}

/** An invoker that prepares containers. */
export interface Preparing {
  /** The memory for its containers in MB. */
  readonly memory: number;
  /** Its share of the colors of a pool, from 0 to 1. */
  readonly shareOf: (pool: string) => number;
}

/** The actions of recent colored invocations. */
export class RecentActions {
  /** By the invoking namespace and then by the action's name and version, so that the hot path builds no key. */
  readonly #actions = new Map<string, Map<string, RecentAction>>();
  #count = 0;

  /** Counts an invocation. For actions without a limit on their containers. */
  note(pool: string, message: ActivationMessage, resources: ResourceRequest, now: number): void {
    const namespace = message.user.namespace.name;
    const action = this.#actions.get(namespace)?.get(resources.key);
    if (!action) {
      if (this.#count < MAX_ACTIONS) this.#add(namespace, pool, message, resources, now);
      return;
    }
    action.placed++;
    if (now - action.messageAt < FRESH_MS) return;
    action.pool = pool;
    action.message = preparation(message);
    action.messageAt = now;
    action.resources = resources;
  }

  /** To be called each second. */
  tick(): void {
    for (const [namespace, actions] of this.#actions) {
      for (const [key, action] of actions) {
        action.rate += LATEST * (action.placed - action.rate);
        action.placed = 0;
        if (action.rate >= FORGET_RATE) continue;
        actions.delete(key);
        this.#count--;
      }
      if (actions.size === 0) this.#actions.delete(namespace);
    }
  }

  /**
   * The messages that ask an invoker for containers.
   * @param controllers the number of controllers, each of which places an equal part of the invocations.
   */
  preparations({ memory, shareOf }: Preparing, controllers: number): ActivationMessage[] {
    const all = [...this.#actions.values()].flatMap((actions) => [...actions.values()]);
    const messages: ActivationMessage[] = [];
    let freeMB = memory;
    let free = MAX_CONTAINERS;
    for (const { pool, message, rate, resources } of all.toSorted((a, b) => work(b) - work(a))) {
      const share = shareOf(pool);
      if (share <= 0 || !message) continue;
      const atOnce = (work({ rate, resources }) * share * controllers) / Math.max(1, resources.concurrency);
      const wanted = Math.max(1, Math.ceil(atOnce + Math.sqrt(atOnce)));
      const prepare = Math.min(wanted, free, Math.floor(freeMB / resources.memory));
      if (prepare < 1) continue;
      free -= prepare;
      freeMB -= prepare * resources.memory;
      messages.push({ ...message, activationId: newActivationId(), prepare });
    }
    return messages;
  }

  #add(
    namespace: string,
    pool: string,
    message: ActivationMessage,
    resources: ResourceRequest,
    messageAt: number,
  ): void {
    let actions = this.#actions.get(namespace);
    if (!actions) this.#actions.set(namespace, (actions = new Map<string, RecentAction>()));
    actions.set(resources.key, {
      pool,
      message: preparation(message),
      messageAt,
      resources,
      placed: 1,
      rate: 0,
    });
    this.#count++;
  }
}

/** The number of invocations that run at once. */
const work = ({ rate, resources }: Pick<RecentAction, 'rate' | 'resources'>): number =>
  (rate * (resources.durationMs ?? 0)) / 1000;
