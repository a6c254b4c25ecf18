import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { activationRecord, type Execution } from '../activations/record.js';
import type { Reporter } from '../activations/Reporter.js';
import { developerError, isReusable, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import {
  ContainerStartError,
  type Container,
  type ContainerDriver,
  type ContainerSpec,
} from '../containers/ContainerDriver.js';
import { collectLogs } from './collectLogs.js';
import { dueSlots, isIdle, place, type Placement, type SweepTimes } from './decide.js';
import { initialize, run, type ExecutionParts } from './execute.js';
import { newJob, type Job } from './Job.js';
import type { PoolMetrics, StartKind } from './metrics.js';
import { Queue } from './Queue.js';
import { newSlot, Slots, type Slot, type SlotState } from './slots.js';
import { StemCells, type StemCell } from './StemCells.js';

/*
 * The life of a container:
 *
 *   creating ──created──► prewarmed ──taken by an activation──► initializing ──/init answered 200──► warm
 *      │  a stem cell         │ too old, died, evicted                │ /init failed                  │ ▲
 *      │                      ▼                                       ▼                               │ │
 *      ├──failed──►  (gone) ◄──────────────── removing ◄───────── draining ◄── a failed run, logs that │ │
 *      │                                         ▲         the last activation  cannot be had, died,   │ │
 *      └──created for an activation──► initializing         has left            a failed pause or resume│ │
 *                                                ├──── idle for too long, evicted ◄───────────────────┤ │
 *                                                │                                                    │ │
 *                                              paused ◄──── pausing ◄──── idle for the grace time ─────┘ │
 *                                                └──────────────── resumed, for an activation ───────────┘
 *
 * A container takes activations while it is warm (pausing and paused counted: it is resumed first) and has room; where
 * its action allows more than one at a time also while it is being created or initialized: they wait for the first one,
 * and share its fate. It takes the next one as soon as the last has its result, while that one's logs are still being
 * read, since the runtime ended them with a sentinel before it answered. A container that failed once takes no more.
 * Its memory counts from its creation until its removal begins.
 *
 * Activations that find no room wait in one queue, first come, first served: while somebody waits, nobody passes.
 */

export interface PoolConfig extends SweepTimes {
  readonly userMemoryMB: number;
  /** So many colors are remembered for each container. */
  readonly maxColors: number;
  /** What stem cells are prepared for. */
  readonly maxConcurrency: number;
  /** Environment variables of every container, such as `__OW_API_HOST`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The beginning of every container's name: who owns it. */
  readonly namePrefix: string;
  /** The invoker's name in the records of colored activations. */
  readonly invokerName: string;
}

export interface PoolParts extends ExecutionParts {
  readonly driver: ContainerDriver;
  readonly reporter: Reporter;
  readonly stemCells: readonly StemCell[];
  readonly metrics: PoolMetrics;
  readonly config: PoolConfig;
  readonly log: Logger;
}

/** A container in the pool's books, with what it really is. */
interface PooledContainer extends Slot {
  container: Container | undefined;
  /** Settles when the container is there. */
  created: Promise<Container>;
  /** Of one that is being prepared for an activation: how that ended, for those that wait for it. */
  prepared: Promise<Prepared> | undefined;
  /** There while it is paused, and while that changes: settles when the change under way is over. */
  changing: Promise<void> | undefined;
  /** Settles when the logs of all earlier activations are read: they come in order. */
  logs: Promise<unknown>;
}

/** `execution`: how it ended for the activation that prepared the container; `response`: for those that waited. */
type Prepared =
  | { readonly kind: 'ok'; readonly container: Container; readonly execution: Pick<Execution, 'init'> }
  | { readonly kind: 'failed'; readonly execution: Execution; readonly response: ActivationResponse; begun: boolean }
  | { readonly kind: 'unsent' };

/** An activation that this many containers could not take is given up. */
const MAX_ATTEMPTS = 5;

const SWEEP_INTERVAL_MS = 1000;

/** Runs activations in containers: reuses, creates and removes them, within its memory. */
export class ContainerPool {
  readonly #parts: PoolParts;
  readonly #slots: Slots<PooledContainer>;
  readonly #queue = new Queue<Job>();
  readonly #stemCells: StemCells;
  readonly #removals = new Set<Promise<void>>();
  #jobs = 0;
  #nextId = 1;
  #sweeper: NodeJS.Timeout | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #idle: (() => void) | undefined;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#slots = new Slots(parts.config.userMemoryMB, parts.config.maxColors);
    this.#stemCells = new StemCells(parts.stemCells, parts.now());
    parts.metrics.observe(() => this.counts());
  }

  /** Starts the stem cells and the periodic look at what is idle. */
  start(): void {
    this.sweep();
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS);
    this.#sweeper.unref();
  }

  /** Resolves once the activation is over: acknowledged and recorded. Never rejects. */
  submit(message: ActivationMessage, action: ExecutableAction): Promise<void> {
    return new Promise((resolve) => {
      this.#jobs++;
      const job = newJob(message, action, () => {
        resolve();
        if (--this.#jobs === 0) this.#idle?.();
      });
      if (this.#state === 'closed') this.#giveUp(job, whiskError(texts.abnormalRun));
      else if (this.#queue.size > 0 || !this.#start(job)) this.#queue.push(job);
    });
  }

  /** Pauses and removes what has been idle for long enough, and fills up the stem cells. Called each second. */
  sweep(): void {
    if (this.#state !== 'open') return;
    const now = this.#parts.now();
    const { pause, remove, expired } = dueSlots(this.#slots, this.#parts.config, now);
    for (const slot of pause) this.#pause(slot);
    for (const slot of [...remove, ...expired]) this.#remove(slot);
    for (const cell of this.#stemCells.missing((c) => this.#cellCount(c), now)) this.#startStemCell(cell);
    this.#startWaiting();
  }

  /** Containers by state, and what is waiting. */
  counts(): PoolCounts {
    const containers: Record<SlotState | 'busy', number> = { ...NO_CONTAINERS };
    for (const slot of this.#slots.all) containers[slot.active > 0 && slot.state === 'warm' ? 'busy' : slot.state]++;
    return { containers, usedMB: this.#slots.usedMB, waiting: this.#queue.size, activations: this.#jobs };
  }

  /**
   * Lets the activations that it has end for at most `limitMs`, then ends the rest with a record of failure, takes no
   * more, and removes every container.
   */
  async close(limitMs: number): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    clearInterval(this.#sweeper);
    await this.#untilIdle(limitMs);
    this.#state = 'closed';
    for (let job = this.#queue.shift(); job; job = this.#queue.shift())
      this.#giveUp(job, whiskError(texts.abnormalRun));
    for (const slot of this.#slots.all) this.#remove(slot);
    await this.#untilIdle(limitMs);
    await Promise.all(this.#removals);
  }

  #untilIdle(limitMs: number): Promise<void> {
    if (this.#jobs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Gives the job to a container; false where none can take it now. */
  #start(job: Job): boolean {
    const placement: Placement<PooledContainer> = place(this.#slots, job, this.#parts.now());
    if (placement.kind === 'wait') return false;
    if (placement.kind === 'warm') {
      this.#slots.assign(placement.slot, job.color);
      void this.#serve(placement.slot, job, 'warm');
    } else if (placement.kind === 'stemCell') {
      this.#slots.take(placement.slot, job.key, job.action.concurrency);
      this.#serveFirst(placement.slot, job, 'prewarmed');
    } else if (placement.kind === 'cold') {
      for (const slot of placement.evict) this.#remove(slot);
      this.#stemCells.countColdStart(job.kind, job.memoryMB);
      this.#serveFirst(this.#create(job), job, 'cold');
    } else {
      this.#parts.log.error(`${job.action.path} needs ${job.memoryMB} MB, more than this invoker has`, {
        transid: job.message.transid,
      });
      this.#giveUp(job, whiskError(texts.resourceProvisionError));
    }
    return true;
  }

  /** Starts what waits, in its order, as far as there is room. */
  #startWaiting(): void {
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      if (!this.#start(job)) return this.#queue.pushFront(job);
    }
  }

  #create(job: Job): PooledContainer {
    const { image, memoryMB, concurrency, path } = job.action;
    const slot = this.#newContainer(job.kind, memoryMB, {
      name: `${plain(job.message.user.namespace.name)}_${plain(path.slice(path.lastIndexOf('/') + 1))}`,
      image,
      concurrency,
    });
    this.#slots.addFor(slot, job.key, concurrency);
    return slot;
  }

  #newContainer(
    kind: string,
    memoryMB: number,
    { name, image, concurrency }: Pick<ContainerSpec, 'name' | 'image' | 'concurrency'>,
  ): PooledContainer {
    const { driver, config } = this.#parts;
    const id = this.#nextId++;
    const created = driver.create({
      name: `${config.namePrefix}_${id}_${name}`,
      image,
      memoryMB,
      environment: config.environment,
      concurrency,
    });
    const slot: PooledContainer = {
      ...newSlot(id, kind, memoryMB),
      container: undefined,
      created,
      prepared: undefined,
      changing: undefined,
      logs: DONE,
    };
    created.then(
      (container) => {
        slot.container = container;
        void container.exited.then(() => this.#gone(slot));
      },
      () => undefined,
    );
    return slot;
  }

  /** Runs the job in a container that has to be prepared for it. */
  #serveFirst(slot: PooledContainer, job: Job, start: StartKind): void {
    slot.prepared = this.#prepare(slot, job, start);
    this.#slots.assign(slot, job.color);
    void this.#serve(slot, job, start);
  }

  async #prepare(slot: PooledContainer, job: Job, start: StartKind): Promise<Prepared> {
    let container: Container;
    try {
      container = slot.container ?? (await slot.created);
    } catch (error) {
      if (start === 'prewarmed') return UNSENT;
      return this.#notCreated(job, error);
    }
    // It may have been removed in the meantime: the pool is closing.
    if (slot.state === 'removing') return UNSENT;
    this.#slots.setState(slot, 'initializing');
    const initialized = await initialize(this.#parts, container, job);
    if (initialized.kind === 'ok') {
      slot.prepared = undefined;
      if (slot.state === 'initializing') this.#slots.setState(slot, 'warm');
      return { kind: 'ok', container, execution: { init: initialized.interval } };
    }
    this.#drain(slot);
    // A cold container that nobody ever heard of has ended itself; a stem cell may just have died of old age.
    if (initialized.kind === 'unsent' && (start === 'prewarmed' || container.running)) return UNSENT;
    const now = this.#parts.now();
    const { response, interval, timedOut } =
      initialized.kind === 'failed'
        ? initialized
        : {
            response: developerError(texts.abnormalInitialization),
            interval: { start: now, end: now },
            timedOut: false,
          };
    const execution = { response, total: interval, init: interval, timedOut, containerId: container.id };
    return { kind: 'failed', execution, response, begun: true };
  }

  #notCreated(job: Job, error: unknown): Prepared {
    const { log, now } = this.#parts;
    log.error(`no container for ${job.action.path}`, { transid: job.message.transid, error });
    const missing = error instanceof ContainerStartError && error.imageMissing;
    const response = missing ? developerError(error.message) : whiskError(texts.resourceProvisionError);
    return {
      kind: 'failed',
      execution: { response, total: { start: now(), end: now() }, timedOut: false },
      response: whiskError(texts.abnormalRun),
      begun: false,
    };
  }

  /** Runs the job in the container that it was assigned to, waiting for it where it is not ready. */
  async #serve(slot: PooledContainer, job: Job, start: StartKind): Promise<void> {
    let init: Execution['init'];
    if (slot.prepared) {
      const prepared = await slot.prepared;
      if (prepared.kind === 'unsent') return this.#tryElsewhere(slot, job);
      if (prepared.kind === 'failed') return this.#notPrepared(slot, job, prepared, start !== 'warm');
      if (start !== 'warm') init = prepared.execution.init;
    } else if (slot.changing && !(await this.#resume(slot))) {
      return this.#tryElsewhere(slot, job);
    }
    const { container } = slot;
    if (!container?.running && init === undefined) return this.#tryElsewhere(slot, job);
    const execution = container && (await run(this.#parts, container, job, init));
    if (!execution) return this.#tryElsewhere(slot, job);
    this.#parts.metrics.started(start);
    this.#finish(slot, job, container, execution);
  }

  #finish(slot: PooledContainer, job: Job, container: Container, ended: Execution): void {
    const { reporter, config, metrics } = this.#parts;
    const { message, action } = job;
    // What a container that was taken away under the action says is no fault of the action.
    const takenAway = this.#state === 'closed' && !isReusable(ended.response);
    const execution = takenAway ? { ...ended, response: whiskError(texts.abnormalRun) } : ended;
    const { response } = execution;
    const record = activationRecord(message, action, execution, config.invokerName);
    metrics.ended(record);
    const reusable = isReusable(response);
    if (!reusable) this.#drain(slot);
    if (action.logsMB === 0) {
      void reporter.report(message, record).then(job.done);
      this.#release(slot, false);
      return;
    }
    const logs = slot.logs.then(() => collectLogs(container, action, response, this.#parts));
    slot.logs = logs;
    const lines = logs.then((collected) => collected.lines);
    void reporter.reportWithLogs(message, record, lines).then(job.done);
    const overlap = reusable && action.sentinelled;
    if (overlap) this.#release(slot, true);
    void logs.then((collected) => {
      if (!collected.complete) this.#drain(slot);
      if (overlap) this.#collected(slot);
      else this.#release(slot, false);
    });
  }

  /** The container could not be prepared. The first activation is recorded as it went, those that waited with it. */
  #notPrepared(slot: PooledContainer, job: Job, prepared: Prepared & { kind: 'failed' }, first: boolean): void {
    this.#drain(slot);
    const { container } = slot;
    if (first && prepared.begun && container) {
      this.#finish(slot, job, container, prepared.execution);
      return;
    }
    if (first) this.#conclude(job, prepared.execution, true);
    else this.#giveUp(job, prepared.response);
    this.#release(slot, false);
  }

  /** Ends an activation that never reached a container. */
  #giveUp(job: Job, response: ActivationResponse): void {
    const now = this.#parts.now();
    this.#conclude(job, { response, total: { start: now, end: now }, timedOut: false }, false);
  }

  #conclude(job: Job, execution: Execution, combined: boolean): void {
    const { reporter, config, metrics } = this.#parts;
    const record = activationRecord(job.message, job.action, execution, config.invokerName);
    metrics.ended(record);
    void reporter.report(job.message, record, combined).then(job.done);
  }

  /** The container cannot take the job after all: another one shall, before anybody else. */
  #tryElsewhere(slot: PooledContainer, job: Job): void {
    this.#parts.metrics.rescheduled();
    this.#drain(slot);
    job.attempts++;
    if (this.#state === 'closed' || job.attempts >= MAX_ATTEMPTS) this.#giveUp(job, whiskError(texts.abnormalRun));
    else this.#queue.pushFront(job);
    this.#release(slot, false);
  }

  #release(slot: PooledContainer, collecting: boolean): void {
    this.#slots.release(slot, collecting, this.#parts.now());
    this.#afterUse(slot);
  }

  #collected(slot: PooledContainer): void {
    this.#slots.collected(slot);
    this.#afterUse(slot);
  }

  #afterUse(slot: PooledContainer): void {
    if (slot.state === 'draining' && slot.active === 0 && slot.collecting === 0) this.#remove(slot);
    if (this.#queue.size > 0) this.#startWaiting();
  }

  /** Takes no more activations; goes when the last one has left. */
  #drain(slot: PooledContainer): void {
    if (slot.state !== 'draining' && slot.state !== 'removing') this.#slots.setState(slot, 'draining');
  }

  /** The driver saw the container end. */
  #gone(slot: PooledContainer): void {
    if (slot.state === 'removing') return;
    const { log } = this.#parts;
    if (log.debugEnabled) log.debug(`container ${slot.container?.id} ended while it was ${slot.state}`);
    if (slot.state === 'prewarmed' || isIdle(slot)) this.#remove(slot);
    else if (slot.state !== 'creating' && slot.state !== 'initializing') {
      this.#drain(slot);
      this.#afterUse(slot);
    }
  }

  #remove(slot: PooledContainer): void {
    this.#slots.remove(slot);
    const removal = this.#destroy(slot);
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  async #destroy(slot: PooledContainer): Promise<void> {
    try {
      const container = slot.container ?? (await slot.created.catch(() => undefined));
      await container?.destroy();
    } catch (error) {
      this.#parts.log.error(`container ${slot.container?.id} was not removed`, { error });
    }
  }

  #pause(slot: PooledContainer): void {
    const { container } = slot;
    if (!container) return;
    this.#slots.setState(slot, 'pausing');
    slot.changing = container.pause().then(
      () => {
        if (slot.state === 'pausing') this.#slots.setState(slot, 'paused');
      },
      (error: unknown) => this.#unmovable(slot, error),
    );
  }

  /** False where the container cannot be had. Several activations may wait for the same resuming. */
  async #resume(slot: PooledContainer): Promise<boolean> {
    await slot.changing;
    if (slot.state === 'paused') {
      this.#slots.setState(slot, 'warm');
      slot.changing = slot.container?.resume().then(
        () => {
          slot.changing = undefined;
        },
        (error: unknown) => this.#unmovable(slot, error),
      );
      await slot.changing;
    }
    return slot.state === 'warm';
  }

  #unmovable(slot: PooledContainer, error: unknown): void {
    this.#parts.log.warn(`container ${slot.container?.id} could not be paused or resumed`, { error });
    this.#drain(slot);
    this.#afterUse(slot);
  }

  #cellCount(cell: StemCell): number {
    return this.#slots.stemCells(cell.kind, cell.memoryMB).size;
  }

  #startStemCell(cell: StemCell): void {
    if (this.#slots.usedMB + cell.memoryMB > this.#slots.capacityMB) return;
    const slot = this.#newContainer(cell.kind, cell.memoryMB, {
      name: `prewarm_${plain(cell.kind)}`,
      image: cell.image,
      concurrency: this.#parts.config.maxConcurrency,
    });
    this.#slots.addStemCell(slot);
    slot.created.then(
      () => {
        this.#stemCells.succeeded(cell);
        if (slot.state !== 'creating' || slot.key !== undefined) return;
        slot.state = 'prewarmed';
        if (cell.reactive) slot.expires = this.#parts.now() + cell.reactive.ttlMs;
        this.#startWaiting();
      },
      (error: unknown) => {
        this.#parts.log.error(`no stem cell of kind ${cell.kind}`, { error });
        this.#stemCells.failed(cell, this.#parts.now());
        if (slot.key === undefined) this.#remove(slot);
      },
    );
  }
}

export interface PoolCounts {
  /** `busy`: warm, with at least one activation. */
  readonly containers: Readonly<Record<SlotState | 'busy', number>>;
  readonly usedMB: number;
  /** Activations that wait for room. */
  readonly waiting: number;
  /** Activations that the pool has, those waiting counted. */
  readonly activations: number;
}

const NO_CONTAINERS: Record<SlotState | 'busy', number> = {
  creating: 0,
  prewarmed: 0,
  initializing: 0,
  warm: 0,
  busy: 0,
  pausing: 0,
  paused: 0,
  draining: 0,
  removing: 0,
};

const DONE = Promise.resolve();
const UNSENT: Prepared = { kind: 'unsent' };

/** What a container's name may hold. */
const plain = (text: string): string => text.replaceAll(/\W/g, '');
