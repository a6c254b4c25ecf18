import type { Logger } from '../../shared/logging/Logger.js';
import type { InvokerInstance } from '../../shared/messages/instances.js';
import type { PingMessage } from '../../shared/messages/ping.js';
import type { Consumer, Messaging } from '../../shared/messaging/Messaging.js';
import type { Topics } from '../../shared/messaging/topics.js';
import type { InvokerHealth } from './LoadBalancer.js';
import { statusLine } from './statusLine.js';
import {
  finished,
  listed,
  pinged,
  ticked,
  unavailableKind,
  type Outcome,
  type Step,
  type Supervised,
  type SupervisionOptions,
} from './supervision.js';

export interface SupervisorParts {
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly logger: Logger;
  /** This controller's id. The consumer group is the topic's name with the id. */
  readonly controllerId: string;
  readonly options: SupervisionOptions;
  /** Sends a test action to an invoker; it never rejects. */
  readonly sendTest: (invoker: number) => void;
  /** Called when an invoker is new or its state or description changed. */
  readonly onChange: (invokers: readonly InvokerHealth[]) => void;
  readonly now?: () => number;
}

/** The highest invoker number. It is bounded because the list has no gaps: a huge number would exhaust the memory. */
const MAX_INSTANCE = 65_000;

/** Passes pings, outcomes and time to the decisions of `supervision.ts`, and applies the results. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #now: () => number;
  readonly #supervised = new Map<number, Supervised>();
  #list: readonly InvokerHealth[] = [];
  #hearsSince: number;
  #tickedAt: number;
  #consumer: Consumer | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    this.#hearsSince = this.#tickedAt = this.#now();
  }

  get invokers(): readonly InvokerHealth[] {
    return this.#list;
  }

  async start(): Promise<void> {
    const { messaging, topics, controllerId } = this.#parts;
    await messaging.ensureTopic(topics.health);
    this.#consumer = await messaging.consume<PingMessage>({
      topic: topics.health,
      group: `${topics.health.name}${controllerId}`,
      from: 'latest',
      maxInFlight: 128,
      handle: (ping) => this.ping(ping),
    });
    this.#timer = setInterval(() => this.tick(), 1000);
    this.#timer.unref();
  }

  ping(ping: PingMessage): void {
    const { instance } = ping.name;
    if (instance < 0 || instance > MAX_INSTANCE) {
      this.#parts.logger.warn(`ignored a ping of invoker ${instance}: numbers go from 0 to ${MAX_INSTANCE}`);
      return;
    }
    this.#step(instance, pinged(this.#supervised.get(instance), ping, this.#now(), this.#parts.options));
  }

  finished(invoker: InvokerInstance, outcome: Outcome): void {
    const before = this.#supervised.get(invoker.instance);
    if (before) this.#step(invoker.instance, finished(before, outcome, this.#now(), this.#parts.options));
  }

  tick(): void {
    const now = this.#now();
    const { options } = this.#parts;
    let isHeard = false;
    for (const [instance, before] of this.#supervised) {
      if (now - before.pingedAt <= options.offlineAfterMs) isHeard = true;
      this.#step(instance, ticked(before, now, options));
    }
    // No invoker was heard of, or this controller was frozen.
    if (!isHeard || this.#isLate(now)) this.#hearsSince = now;
    this.#tickedAt = now;
  }

  /** All invokers that it has heard of since its start. */
  get supervised(): Iterable<Supervised> {
    return this.#supervised.values();
  }

  /** For how long it has heard of invokers without a break, in ms. It may not know those that were there only before. */
  get hearsForMs(): number {
    const now = this.#now();
    return this.#isLate(now) ? 0 : now - this.#hearsSince;
  }

  /** Whether a present invoker has neither passed nor failed a test yet. */
  get anyUntested(): boolean {
    for (const { status, outcomes } of this.#supervised.values()) {
      if (status === 'unhealthy' && outcomes.length === 0) return true;
    }
    return false;
  }

  /** Why no invoker can run actions of a kind; undefined if an invoker can, or if it is unknown. */
  unavailable(kind: string): string | undefined {
    return unavailableKind(kind, this.#supervised.values(), this.#now());
  }

  #isLate(now: number): boolean {
    return now - this.#tickedAt > this.#parts.options.offlineAfterMs;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#consumer?.close();
  }

  #step(instance: number, { next, test }: Step): void {
    const before = this.#supervised.get(instance);
    if (next !== before) this.#supervised.set(instance, next);
    const moved = before?.objectsUrl !== next.objectsUrl || before?.drains !== next.drains;
    if (before?.status !== next.status || moved || !sameInstance(before.instance, next.instance)) {
      const { instance: described, status, objectsUrl, prepares, drains } = next;
      this.#list = listed(this.#list, {
        instance: described,
        status,
        ...(objectsUrl === undefined ? {} : { objectsUrl }),
        ...(prepares === undefined ? {} : { prepares }),
        ...(drains === undefined ? {} : { drains }),
      });
      const line = statusLine(before, next, this.#now(), this.#parts.options.offlineAfterMs);
      if (line) this.#parts.logger[line.level](line.text);
      this.#parts.onChange(this.#list);
    }
    if (test) this.#parts.sendTest(instance);
  }
}

function sameInstance(a: InvokerInstance, b: InvokerInstance): boolean {
  return (
    a.uniqueName === b.uniqueName &&
    a.displayedName === b.displayedName &&
    a.userMemory === b.userMemory &&
    sameTexts(a.tags, b.tags) &&
    sameTexts(a.dedicatedNamespaces, b.dedicatedNamespaces)
  );
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
