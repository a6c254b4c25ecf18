import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  ContainerConnectionError,
  ContainerStartError,
  ContainerTimeoutError,
  type CollectedLogs,
  type Container,
  type ContainerDriver,
  type ContainerResponse,
  type ContainerSpec,
  type LogOptions,
  type PostOptions,
} from '../../../../invoker/containers/ContainerDriver.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { acknowledgedActivation } from '../../../../shared/messages/acknowledgement.js';
import { noJournal } from '../../../../invoker/activations/BegunJournal.js';
import { codeMemory } from '../../../../invoker/pool/execute.js';
import { StoreWaits } from '../../../../invoker/pool/StoreWaits.js';
import { ContainerPool } from '../../../../invoker/pool/ContainerPool.js';
import { InvokerMetrics } from '../../../../invoker/pool/InvokerMetrics.js';
import { Registry } from 'prom-client';
import { executable, Heard, message, NODE_IMAGE } from './setup.js';

/*
 * Whole lives of a pool under schedules that fast-check makes up: what the driver does takes any time relative to what
 * else is under way, and goes wrong at any place. Whatever happens, each activation is told and recorded once, and
 * nothing runs where it must not.
 */

const USER_MEMORY_MB = 768;

/** What a step of a container may come to; mostly it goes well. */
const MISHAPS = ['error', 'broken', 'refused', 'dies', 'busy', 'late'] as const;
type Fate = 'fine' | (typeof MISHAPS)[number];
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 9, arbitrary: fc.constant('fine' as const) },
  { weight: 1, arbitrary: fc.constantFrom(...MISHAPS) },
);

class ChaosDriver implements ContainerDriver {
  readonly name = 'process';
  readonly containers: ChaosContainer[] = [];
  /** What must not be; thrown, the pool would take it for the container's own failure. */
  readonly violations: string[] = [];
  readonly scheduler: fc.Scheduler;
  readonly #fates: readonly Fate[];
  #next = 0;

  constructor(scheduler: fc.Scheduler, fates: readonly Fate[]) {
    this.scheduler = scheduler;
    this.#fates = fates;
  }

  must(condition: boolean, what: string): void {
    if (!condition) this.violations.push(what);
  }

  fate(): Fate {
    return this.#fates[this.#next++] ?? 'fine';
  }

  /** Something that takes a while. */
  async takes(what: string): Promise<void> {
    await this.scheduler.schedule(Promise.resolve(), what);
  }

  removeLeftovers(): Promise<number> {
    return Promise.resolve(0);
  }

  async create(spec: ContainerSpec): Promise<Container> {
    await this.takes('create');
    if (this.fate() === 'error') throw new ContainerStartError('no');
    const container = new ChaosContainer(this, spec, `c${this.containers.length}`);
    this.containers.push(container);
    const usedMB = this.containers.reduce((sum, { ended, spec: { memoryMB } }) => sum + (ended ? 0 : memoryMB), 0);
    this.must(usedMB <= USER_MEMORY_MB, `${usedMB} MB are used`);
    return container;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class ChaosContainer implements Container {
  readonly exited: Promise<void>;
  readonly released: Promise<void>;
  readonly signsLogs = true;
  running = true;
  destroyed = false;
  /** Its processes have ended, so that its memory is free. */
  ended = false;
  paused = false;
  /** Activations that it ran, and how it served them. */
  readonly ran: string[] = [];
  initialized = 0;
  underWay = 0;
  failed = false;
  /** Whether an attempt to remove it failed. */
  stuck = false;
  /** The action that it runs. */
  action: string | undefined;
  readonly spec: ContainerSpec;
  readonly id: string;
  readonly #driver: ChaosDriver;
  #exit: () => void = () => {};
  #release: () => void = () => {};

  constructor(driver: ChaosDriver, spec: ContainerSpec, id: string) {
    this.#driver = driver;
    this.spec = spec;
    this.id = id;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.released = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  async post(path: '/init' | '/run', body: string, _options: PostOptions): Promise<ContainerResponse> {
    if (!this.running) throw new ContainerConnectionError('refused', 'gone');
    this.#driver.must(!this.paused, 'nothing is sent to a paused container');
    this.#driver.must(!this.failed, 'nothing is sent to a container after it failed');
    if (path === '/init') this.#driver.must(++this.initialized === 1, '/init comes once');
    else {
      this.#driver.must(this.initialized === 1, '/run comes after /init');
      this.underWay++;
      this.#driver.must(this.underWay <= this.spec.concurrency, 'no more at once than the action takes');
    }
    const fate = this.#driver.fate();
    if (fate === 'refused') {
      if (path === '/run') this.underWay--;
      throw new ContainerConnectionError('refused', 'not yet');
    }
    if (path === '/run') {
      const sent = JSON.parse(body) as { activation_id: string; action_name: string };
      this.ran.push(sent.activation_id);
      this.action = sent.action_name;
      const own = this.#driver.containers.filter((one) => one.action === this.action && !one.ended && !one.stuck);
      const allowed = CAPS[this.action] ?? Infinity;
      this.#driver.must(own.length <= allowed, `${own.length} containers of ${this.action}`);
    }
    await this.#driver.takes(path);
    if (path === '/run') this.underWay--;
    if (fate === 'dies' || !this.running) {
      this.end();
      throw new ContainerConnectionError('broken', 'died');
    }
    if (fate === 'broken') throw this.#fail(new ContainerConnectionError('broken', 'cut'));
    if (fate === 'late') throw this.#fail(new ContainerTimeoutError('late'));
    if (fate === 'busy') return { status: 503, body: '' };
    if (fate === 'error') {
      this.#failSoon();
      return { status: 502, body: '{"error":"thrown"}' };
    }
    return { status: 200, body: '{}' };
  }

  async pause(): Promise<void> {
    this.#driver.must(this.underWay === 0, 'nothing is paused that has work');
    await this.#driver.takes('pause');
    if (this.#driver.fate() === 'error') throw new Error('no');
    this.paused = true;
  }

  async resume(): Promise<void> {
    await this.#driver.takes('resume');
    if (this.#driver.fate() === 'error') throw new Error('no');
    this.paused = false;
  }

  async destroy(): Promise<void> {
    this.#driver.must(!this.destroyed, 'a container is removed once');
    await this.#driver.takes('the end of the processes');
    this.ended = true;
    this.#release();
    await this.#driver.takes('destroy');
    if (this.#driver.fate() === 'error') {
      this.stuck = true;
      throw new Error('busy');
    }
    this.destroyed = true;
    this.end();
  }

  async collectLogs(_options: LogOptions): Promise<CollectedLogs> {
    await this.#driver.takes('logs');
    const fate = this.#driver.fate();
    if (fate === 'error') throw new Error('no logs');
    return { lines: [], complete: fate !== 'late', leftover: 0 };
  }

  end(): void {
    this.running = false;
    this.#exit();
  }

  /** With a concurrency over 1 others may be on their way already when one fails. */
  #failSoon(): void {
    if (this.spec.concurrency === 1) this.failed = true;
  }

  #fail(error: Error): Error {
    this.#failSoon();
    return error;
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      color: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }),
      blocking: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('sweep' as const), after: fc.constantFrom(0, 1000, 30_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), times: fc.constantFrom(1, 3, 30) }) },
);

const LIMITS: Record<string, { memory: number; concurrency: number; logs: number }> = {
  a: { memory: 256, concurrency: 1, logs: 10 },
  b: { memory: 512, concurrency: 1, logs: 0 },
  c: { memory: 128, concurrency: 3, logs: 10 },
  d: { memory: 128, concurrency: 1, logs: 10 },
  e: { memory: 128, concurrency: 3, logs: 0 },
};

/** The most containers by action. */
const CAPS: Record<string, number> = { '/guest/d': 1, '/guest/e': 2 };

describe('a pool, whatever happens', function () {
  it('tells and records each activation once, keeps to its memory, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.array(fate, { maxLength: 120, size: 'max' }),
        fc.boolean(),
        fc.boolean(),
        async (scheduler, steps, fates, leaves, closeEarly) => {
          const driver = new ChaosDriver(scheduler, fates);
          const heard = new Heard();
          let now = 0;
          const pool = new ContainerPool({
            driver,
            reporter: heard.reporter(),
            decrypt: (_, value) => value,
            journal: noJournal,
            codeMemory: codeMemory(),
            waits: new StoreWaits(),
            responseLimits: () => ({ maxResponseBytes: 1024, truncationBytes: 1024 }),
            stemCells: [256, 128].map((memoryMB) => ({
              kind: 'nodejs:20',
              memoryMB,
              image: NODE_IMAGE,
              initialCount: 1,
            })),
            metrics: new InvokerMetrics(new Registry()).of('invoker0'),
            now: () => now,
            log: silentLogger,
            config: {
              userMemoryMB: USER_MEMORY_MB,
              pauseGraceMs: 500,
              idleContainerMs: 20_000,
              maxColors: 2,
              maxConcurrency: 3,
              environment: {},
              namePrefix: 'wsk',
              invokerName: 'invoker0',
              removal: { attemptMs: 60_000, firstDelayMs: 0, maxDelayMs: 0 },
            },
          });
          /** What ended here, and what was left to the next run. */
          const sent: string[] = [];
          const left: string[] = [];
          const done: Promise<Handled>[] = [];
          for (const what of steps) {
            if (what.do === 'run') {
              const color = what.color === undefined ? {} : { color: { value: what.color, hit: true } };
              const action = { path: 'guest', name: what.name, version: '0.0.1' };
              const instances = CAPS[`/guest/${what.name}`];
              const one = message({ action, blocking: what.blocking, ...color, instances });
              const submitted = pool.submit(one, executable({ name: what.name, ...LIMITS[what.name] }));
              done.push(submitted);
              void submitted.then((how) => void (how === 'left' ? left : sent).push(one.activationId));
            } else if (what.do === 'sweep') {
              now += what.after;
              pool.sweep();
            } else if (what.do === 'kill') {
              const alive = driver.containers.filter(({ running }) => running);
              alive[what.which % Math.max(1, alive.length)]?.end();
            } else {
              for (let i = 0; i < what.times; i++) {
                if (scheduler.count() > 0) await scheduler.waitOne();
                await turn();
              }
            }
            assert.ok(pool.counts().usedMB <= USER_MEMORY_MB);
          }
          if (leaves) pool.leaveWaiting();
          const closed = closeEarly ? pool.close(0) : undefined;
          await drain(scheduler, Promise.all(done));
          await drain(scheduler, closed ?? pool.close(0));

          const completed = heard.acks.filter(({ kind }) => kind !== 'result').map(acknowledgedActivation);
          assert.deepEqual(completed.toSorted(compare), sent.toSorted(compare), 'each entry is freed once');
          const recorded = heard.records.map(({ activationId }) => activationId);
          assert.deepEqual(recorded.toSorted(compare), sent.toSorted(compare), 'each is recorded once');
          const results = heard.acks.filter(({ kind }) => kind === 'result').map(acknowledgedActivation);
          assert.equal(new Set(results).size, results.length, 'no result is told twice');
          for (const id of results) {
            const kinds = heard.acks.filter((ack) => acknowledgedActivation(ack) === id).map(({ kind }) => kind);
            assert.deepEqual(kinds, ['result', 'completion']);
          }
          for (const container of driver.containers) {
            assert.ok(!container.running, 'nothing is left behind');
            assert.ok(container.destroyed, 'each container is removed, the dead ones too');
          }
          assert.deepEqual(driver.violations, []);
          assert.equal(sent.length + left.length, done.length);
          assert.ok(leaves || left.length === 0);
          assert.equal(pool.counts().usedMB, 0);
          assert.equal(pool.counts().activations, 0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

const compare = (a: string, b: string): number => a.localeCompare(b);

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The time without progress after which a run is stuck: longer than any pause of a busy machine. */
const STUCK_MS = 60_000;

/** Lets everything that is scheduled happen, in the order that the scheduler chooses, until the promise settles. */
async function drain(scheduler: fc.Scheduler, until: Promise<unknown>): Promise<void> {
  const progress = { over: false };
  void until.then(() => {
    progress.over = true;
  });
  let progressAt = performance.now();
  while (!progress.over) {
    if (scheduler.count() > 0) {
      await scheduler.waitOne();
      progressAt = performance.now();
    } else assert.ok(performance.now() - progressAt < STUCK_MS, 'it never ends');
    await turn();
  }
}
