import { Registry } from 'prom-client';
import { ActionDurations } from '../../../controller/loadbalancer/ActionDurations.js';
import { ColorMetrics } from '../../../controller/loadbalancer/ColorMetrics.js';
import { Colors } from '../../../controller/loadbalancer/Colors.js';
import { generateHash, schedule, type InvokerChoice } from '../../../controller/loadbalancer/schedule.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { Shares } from '../../../controller/loadbalancer/Shares.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { seeded, zipf } from '../../unit/shared/colors/workload.js';
import { ok } from '../../unit/invoker/pool/FakeDriver.js';
import { executable, message as activationMessage, PoolFixture } from '../../unit/invoker/pool/setup.js';
import { READS, type Answer, type Offered, type ReadsOptions } from './reads.js';

/*
 * A server of invokers with containers, simulated by discrete events: the balancer's classes place each invocation, and
 * each invoker is a `ContainerPool` whose containers answer in simulated time. Each container has a memory of its own.
 */

const MEMORY = 128;
const KEY = 'guest/read@0.0.1';
/** The start of a container, in ms. */
const INIT_MS = 150;
/** The clock starts here, in ms: a time of 0 means never. */
const START = 1_000_000;

interface Timed {
  readonly at: number;
  readonly run: () => void;
  cancelled: boolean;
}

export class SimulatedServer {
  #now = START;
  readonly #timed: Timed[] = [];
  readonly #options: ReadsOptions;
  readonly #random: () => number;
  readonly #draw: () => number;
  readonly #shares = new Shares({ managedFraction: 1, blackboxFraction: 1, minMemory: MEMORY });
  readonly #colors: Colors;
  readonly #durations = new ActionDurations();
  readonly #pools: PoolFixture[];
  readonly #action = executable({ name: 'read', memory: MEMORY, logs: 0 });
  #underWay = 0;
  #lastTick = START;

  constructor(options: ReadsOptions, seed = 1) {
    this.#options = options;
    this.#random = seeded(seed);
    this.#draw = zipf(READS.posts, READS.exponent, this.#random);
    const health = Array.from({ length: READS.invokers }, (_, i) => ({
      instance: invokerInstance(i, `host${i}`, READS.slots * MEMORY),
      status: 'up' as const,
    }));
    this.#shares.updateInvokers(health);
    this.#colors = new Colors({
      messaging: new EmbeddedMessaging(),
      topic: topics().colors,
      logger: silentLogger,
      metrics: new ColorMetrics(new Registry()),
      options: { ...BALANCER.colors, shared: false },
      shares: this.#shares,
      totalUnderWay: () => this.#underWay,
      self: '0',
      leads: () => true,
      now: () => this.#now,
    });
    this.#colors.invokersChanged(health);
    this.#pools = health.map(() => this.#newPool());
  }

  #newPool(): PoolFixture {
    const fixture = new PoolFixture(
      { userMemoryMB: READS.slots * MEMORY, maxColors: Number(process.env['MC'] ?? 1000) },
      [],
      {
        after: (ms, run) => {
          const timed = this.#at(this.#now + ms, run);
          return () => (timed.cancelled = true);
        },
      },
    );
    Object.defineProperty(fixture, 'now', { get: () => this.#now });
    const memories = new WeakMap<object, Map<number, true>>();
    fixture.driver.answer = ({ path, body }, container) => {
      if (path === '/init') return new Promise((resolve) => this.#at(this.#now + INIT_MS, () => resolve(ok({}))));
      const { post } = body['value'] as { post: number };
      let kept = memories.get(container);
      if (!kept) memories.set(container, (kept = new Map<number, true>()));
      const known = kept.delete(post);
      kept.set(post, true);
      if (kept.size > READS.kept) kept.delete(kept.keys().next().value as number);
      container.posts.length = 0;
      return new Promise((resolve) =>
        this.#at(this.#now + (known ? READS.hitMs : READS.missMs), () => resolve(ok({ known }))),
      );
    };
    return fixture;
  }

  #at(at: number, run: () => void): Timed {
    const timed = { at, run, cancelled: false };
    let index = this.#timed.length;
    while (index > 0 && (this.#timed[index - 1] as Timed).at > at) index--;
    this.#timed.splice(index, 0, timed);
    return timed;
  }

  async #advance(to: number): Promise<void> {
    for (let next = this.#timed[0]; next && next.at <= to; next = this.#timed[0]) {
      this.#timed.shift();
      if (next.cancelled) continue;
      this.#now = next.at;
      next.run();
      await settled();
    }
    this.#now = to;
  }

  /** Offers reads at a rate for some seconds, and waits for the rest. */
  async offer(rate: number, seconds: number): Promise<Offered> {
    const answers: Answer[] = [];
    const underWay: number[] = [];
    const begun = this.#now;
    const count = Math.round(rate * seconds);
    for (let i = 0; i < count; i++) {
      await this.#advance(begun + (i * 1000) / rate);
      for (; this.#now - this.#lastTick >= 1000; this.#lastTick += 1000) {
        this.#colors.tick();
        for (const { pool } of this.#pools) pool.sweep();
      }
      underWay.push(this.#underWay);
      this.#invoke(this.#draw(), answers);
      await settled();
    }
    const lastsMs = this.#now - begun;
    while (this.#underWay > 0) await this.#advance(this.#now + 100);
    return { rate, lastsMs, answers, underWay };
  }

  #invoke(post: number, answers: Answer[]): void {
    const sent = activationMessage({ content: { post }, blocking: true });
    const resources = {
      key: KEY,
      concurrency: 1,
      memory: MEMORY,
      durationMs: this.#durations.of(KEY),
      missCostMs: this.#durations.missCostOf(KEY),
    };
    const { managed } = this.#shares;
    const uncolored = (): InvokerChoice | undefined =>
      schedule(managed.candidates, managed.stepSizes, generateHash('guest', 'read'), resources, this.#random);
    const { colored, patienceMs } = this.#options;
    const color = { value: `${post}`, ...(patienceMs === undefined ? {} : { patienceMs }) };
    const placed = colored ? this.#colors.place(managed, sent, color, resources, uncolored) : uncolored();
    if (!placed) throw new Error('no invoker is up');
    const { capacity, instance } = placed.candidate;
    capacity.take(KEY, 1, MEMORY, resources.durationMs, this.#now);
    this.#underWay++;
    const begun = this.#now;
    const fixture = this.#pools[instance] as PoolFixture;
    void fixture.pool.submit(sent, this.#action).then(() => {
      this.#underWay--;
      const record = fixture.heard.records.pop();
      fixture.heard.records.length = 0;
      fixture.heard.acks.length = 0;
      capacity.release(KEY, 1, MEMORY, resources.durationMs, this.#now);
      if (!record) throw new Error('an invocation left no record');
      const annotations = new Map(record.annotations.map(({ key, value }) => [key, value]));
      const met = annotations.has('initTime') || !colored ? undefined : annotations.get('colorHit') === true;
      this.#durations.note(KEY, record.duration ?? 0, met);
      const { known } = record.response.result as { known: boolean };
      answers.push({
        ms: this.#now - begun,
        known,
        home: sent.color?.hit === true,
      });
    });
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
