import type { Logger } from '../../shared/logging/Logger.js';
import type { Consumer, Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import type { Heartbeat } from '../../shared/messages/heartbeat.js';
import { heard, members, NOTHING_HEARD, type Heard } from './cluster.js';

export interface ClusterOptions {
  readonly heartbeatMs: number;
  /** The number of missed heartbeats after which a controller counts as gone. */
  readonly missed: number;
}

export const CLUSTER: ClusterOptions = { heartbeatMs: 1000, missed: 5 };

export interface ClusterParts {
  readonly messaging: Messaging;
  readonly topic: Topic<Heartbeat>;
  readonly logger: Logger;
  readonly self: string;
  readonly options: ClusterOptions;
  /**
   * Called when the controllers change, with their ids in ascending order, including this one.
   * @param silent the controllers that left without an announcement
   */
  readonly onChange: (controllers: readonly string[], silent: readonly string[]) => void;
}

/** Sends this controller's heartbeats and consumes those of all controllers. */
export class ClusterMembership {
  readonly #parts: ClusterParts;
  readonly #producer: Producer;
  #heard: Heard = NOTHING_HEARD;
  #members: readonly string[];
  #consumer: Consumer | undefined;
  #sending = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(parts: ClusterParts, producer: Producer) {
    this.#parts = parts;
    this.#producer = producer;
    this.#members = [parts.self];
  }

  static async start(parts: ClusterParts): Promise<ClusterMembership> {
    const { messaging, topic, self } = parts;
    await messaging.ensureTopic(topic);
    const cluster = new ClusterMembership(parts, await messaging.producer());
    cluster.#consumer = await messaging.consume({
      topic,
      group: `${topic.name}-${self}`,
      from: 'latest',
      maxInFlight: 128,
      handle: (beat) => cluster.#hear(beat),
    });
    cluster.rejoin();
    return cluster;
  }

  get members(): readonly string[] {
    return this.#members;
  }

  /** Whether this controller is the first one. The leader does the work that only one controller should do. */
  get isLeader(): boolean {
    return this.#members[0] === this.#parts.self;
  }

  /** Leaves the cluster until `rejoin`: the other controllers take over the share at once. Never rejects. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    try {
      await this.#producer.send(this.#parts.topic, { controller: this.#parts.self, leaving: true });
    } catch (error) {
      this.#parts.logger.debug('could not announce to the other controllers that this one leaves', { error });
    }
  }

  /** Joins the cluster again and takes its share. */
  rejoin(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#beat(), this.#parts.options.heartbeatMs);
    this.#timer.unref();
    this.#beat();
  }

  /** Leaves the cluster for good. */
  async close(): Promise<void> {
    await this.#consumer?.close();
    await this.leave();
    await this.#producer.close();
  }

  #hear(beat: Heartbeat): void {
    const { self, options, logger, onChange } = this.#parts;
    if (beat.controller === self && beat.leaving === true) return; // From an earlier process with this id.
    this.#heard = heard(this.#heard, beat, self);
    const now = members(this.#heard, self, options.missed);
    if (now.length === this.#members.length && now.every((one, i) => one === this.#members[i])) return;
    // A new controller must learn of this one before this one's next regular heartbeat.
    if (now.length > this.#members.length) this.#beat();
    logger.info(`${now.length} controllers share the invokers: ${now.join(', ')}`);
    const silent = this.#members.filter(
      (one) => !now.includes(one) && !(beat.leaving === true && beat.controller === one),
    );
    this.#members = now;
    onChange(now, silent);
  }

  /**
   * Sends one heartbeat at a time: a backlog would arrive at once after an outage of the bus and count as elapsed time.
   */
  #beat(): void {
    if (this.#sending || this.#timer === undefined) return;
    this.#sending = true;
    this.#producer
      .send(this.#parts.topic, { controller: this.#parts.self })
      .catch((error: unknown) => this.#parts.logger.debug('could not send a heartbeat', { error }))
      .finally(() => (this.#sending = false));
  }
}
