import type { Logger } from '../shared/logging/Logger.js';
import type { InvokerInstance } from '../shared/messages/instances.js';
import type { PingMessage } from '../shared/messages/ping.js';
import type { Producer, Topic } from '../shared/messaging/Messaging.js';

const PING_INTERVAL_MS = 1000;

/** Calls `beat` again and again, from one interval after now on. @returns what stops it */
export type Ticker = (beat: () => void) => () => void;

const everySecond: Ticker = (beat) => {
  const timer = setInterval(beat, PING_INTERVAL_MS);
  return () => clearInterval(timer);
};

/** Tells the controllers each second that the invoker lives; says once that it does not want work, then is silent. */
export class HealthPings {
  readonly #producer: Producer;
  readonly #topic: Topic<PingMessage>;
  readonly #instance: InvokerInstance;
  readonly #log: Logger;
  readonly #ticker: Ticker;
  /** Stops the pings. Undefined while there are none. */
  #stop: (() => void) | undefined;
  #underWay = false;
  #failing = false;

  constructor(
    producer: Producer,
    topic: Topic<PingMessage>,
    instance: InvokerInstance,
    log: Logger,
    ticker = everySecond,
  ) {
    this.#producer = producer;
    this.#topic = topic;
    this.#instance = instance;
    this.#log = log;
    this.#ticker = ticker;
  }

  get enabled(): boolean {
    return this.#stop !== undefined;
  }

  /** False where it was enabled already. */
  enable(): boolean {
    if (this.#stop) return false;
    this.#stop = this.#ticker(() => this.#beat());
    this.#beat();
    return true;
  }

  /** Resolves, once the controllers can know, to false where it was disabled already. */
  async disable(): Promise<boolean> {
    const wasEnabled = this.enabled;
    this.#stop?.();
    this.#stop = undefined;
    await this.#ping(false);
    // Said twice, so that one that is lost does no harm: after it there is silence.
    if (wasEnabled) await this.#ping(false);
    return wasEnabled;
  }

  /** While the bus is away pings do not pile up: old ones would tell nothing. */
  #beat(): void {
    if (this.#underWay) return;
    this.#underWay = true;
    void this.#ping(true).then(() => {
      this.#underWay = false;
    });
  }

  async #ping(isEnabled: boolean): Promise<void> {
    try {
      await this.#producer.send(this.#topic, { name: this.#instance, isEnabled });
      if (this.#failing) this.#log.info('pings reach the controllers again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log.error('the controllers could not be pinged', { error });
      this.#failing = true;
    }
  }
}
