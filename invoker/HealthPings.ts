import type { Logger } from '../shared/logging/Logger.js';
import type { InvokerInstance } from '../shared/messages/instances.js';
import type { PingMessage } from '../shared/messages/ping.js';
import type { Producer, Topic } from '../shared/messaging/Messaging.js';

const PING_INTERVAL_MS = 1000;

/** The number of pings between two reports of kinds that cannot run. The report may be long and seldom changes. */
const PINGS_WITHOUT_KINDS = 10;

const PREPARES = { prepares: true } as const;
const DRAINS = { drains: true } as const;

/** Calls `beat` at an interval; the first time after one interval. @returns a function that stops it */
export type Ticker = (beat: () => void) => () => void;

const everySecond: Ticker = (beat) => {
  const timer = setInterval(beat, PING_INTERVAL_MS);
  return () => clearInterval(timer);
};

/**
 * Pings the controllers each second while the invoker is enabled. Announces that it is disabled, then sends nothing.
 */
export class HealthPings {
  readonly #producer: Producer;
  readonly #topic: Topic<PingMessage>;
  readonly #instance: InvokerInstance;
  readonly #log: Logger;
  readonly #ticker: Ticker;
  readonly #unavailableKinds: () => Readonly<Record<string, string>> | undefined;
  readonly #objectsUrl: () => string | undefined;
  /** The number of pings since the last report of kinds. */
  #withoutKinds = PINGS_WITHOUT_KINDS;
  /** Stops the pings; undefined while disabled. */
  #stop: (() => void) | undefined;
  #underWay = false;
  #failing = false;

  constructor(
    producer: Producer,
    topic: Topic<PingMessage>,
    instance: InvokerInstance,
    log: Logger,
    {
      ticker = everySecond,
      unavailableKinds = () => undefined,
      objectsUrl = () => undefined,
    }: {
      readonly ticker?: Ticker | undefined;
      /** The kinds that this invoker cannot run, with the reasons; undefined while that is unknown. */
      readonly unavailableKinds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
      /** The URL of this invoker's objects for other processes; undefined: it shares none. */
      readonly objectsUrl?: (() => string | undefined) | undefined;
    } = {},
  ) {
    this.#producer = producer;
    this.#topic = topic;
    this.#instance = instance;
    this.#log = log;
    this.#ticker = ticker;
    this.#unavailableKinds = unavailableKinds;
    this.#objectsUrl = objectsUrl;
  }

  get enabled(): boolean {
    return this.#stop !== undefined;
  }

  /** @returns false if it was already enabled. */
  enable(): boolean {
    if (this.#stop) return false;
    this.#stop = this.#ticker(() => this.#beat());
    this.#beat();
    return true;
  }

  /**
   * Resolves once the message is sent, to false if it was already disabled.
   * @param drains whether the invoker goes on to run what it gets.
   */
  async disable(drains = false): Promise<boolean> {
    const wasEnabled = this.enabled;
    this.#stop?.();
    this.#stop = undefined;
    await this.#ping(false, drains);
    // Send it twice, in case one message is lost: no further ping follows.
    if (wasEnabled) await this.#ping(false, drains);
    return wasEnabled;
  }

  /** Sends one ping at a time: a backlog of old pings would be useless after an outage of the bus. */
  #beat(): void {
    if (this.#underWay) return;
    this.#underWay = true;
    void this.#ping(true).then(() => {
      this.#underWay = false;
    });
  }

  #kinds(): Pick<PingMessage, 'unavailableKinds'> {
    if (++this.#withoutKinds < PINGS_WITHOUT_KINDS) return {};
    const unavailableKinds = this.#unavailableKinds();
    if (unavailableKinds === undefined) return {};
    this.#withoutKinds = 0;
    return { unavailableKinds };
  }

  async #ping(isEnabled: boolean, drains = false): Promise<void> {
    const objects = this.#objectsUrl();
    const shared = objects === undefined ? {} : { objects };
    const extensions = { ...(isEnabled ? PREPARES : drains ? DRAINS : {}), ...shared };
    try {
      await this.#producer.send(this.#topic, { name: this.#instance, isEnabled, ...extensions, ...this.#kinds() });
      if (this.#failing) this.#log.info('pings reach the controllers again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log.error('could not ping the controllers', { error });
      this.#failing = true;
    }
  }
}
