import type { ActivationMessage } from '../../shared/messages/activation.js';
import { preparation } from '../../shared/messages/preparation.js';
import type { Handled } from '../../shared/messaging/Messaging.js';
import { within } from '../../shared/process/within.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { developerError, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import { Backlog } from './Backlog.js';
import { ColorWaits } from './ColorWaits.js';
import { flowOf } from './ContainerEntry.js';
import { Containers, type ContainersConfig, type ContainersParts } from './Containers.js';
import {
  dueContainers,
  mayStart,
  place,
  placeWarm,
  removableFor,
  type Decision,
  type IsOver,
  type SweepTimes,
} from './decide.js';
import { Headroom } from './Headroom.js';
import { IdlePrediction } from './IdlePrediction.js';
import { InstanceWaits } from './InstanceWaits.js';
import { newJob, type Job } from './Job.js';
import { InAdvance } from './InAdvance.js';
import type { PooledContainer } from './PooledContainer.js';
import { unlock, type Decrypt } from './protocol.js';
import { Runs, type RunsParts } from './Runs.js';
import { countContainers, type PoolCounts } from './counts.js';
import { StemCells, type StemCell } from './StemCells.js';
import { messageOf } from '../../shared/errors/reasons.js';

/*
 * The states of a container:
 *
 *   from          to            when
 *   creating      prewarmed     it was created as a stem cell
 *                 initializing  it was created for an activation
 *                 removing      its creation failed, or its memory did not become free
 *   prewarmed     initializing  an activation takes it
 *                 removing      it expired, died or is evicted
 *                 initializing  it is prepared for activations to come
 *   initializing  warm          /init responded 200
 *                 draining      /init failed
 *   warm          pausing       it was idle for the grace time
 *                 draining      a run failed, logs are incomplete, or it died during an activation
 *                 removing      it died while idle, or is evicted
 *   pausing       paused        the driver has paused it
 *                 draining      the driver could not pause it, or it died
 *   paused        resuming      an activation for it or for one of its colors arrives
 *                 removing      it was idle for too long, died or is evicted
 *   resuming      warm          the driver has resumed it
 *                 draining      the driver could not resume it, or it died
 *   draining      removing      its last activation has left, and its logs are read
 *   removing      (gone)        the driver has removed it; failed removals are retried
 *
 * A container with room takes activations while it is warm. While it is pausing, paused or resuming, it takes them and
 * is resumed first. If its action has a concurrency over 1, it also takes them while it is created or initialized: they
 * wait for the first activation, and fail with it. It takes the next activation as soon as the last one has its result.
 * It need not wait for the logs, since the runtime writes the sentinel before it responds. After a failure it takes no
 * more activations. Its memory counts from its creation until the driver has removed it. A container that needs the
 * memory of containers being removed is reserved: it is created once they are gone.
 *
 * Activations without room wait and take turns: see `Backlog.ts`. A colored activation may wait for the container of its
 * color first: see `ColorWaits.ts`. An activation whose action has as many containers as it may have waits for one of
 * them: see `InstanceWaits.ts`.
 */

export type PoolConfig = SweepTimes &
  ContainersConfig &
  RunsParts['config'] & {
    /** Whether the idle times of each action decide how long its containers stay: see `IdlePrediction.ts`. */
    readonly predictsIdle?: boolean | undefined;
    /** The longest waits of the close in ms; missing: `REPORT_MS`, `REMOVAL_MS`. */
    readonly closing?: { readonly reportMs: number; readonly removalMs: number } | undefined;
  };

export interface PoolParts extends RunsParts, ContainersParts {
  readonly decrypt: Decrypt;
  readonly stemCells: readonly StemCell[];
  readonly config: PoolConfig;
  /**
   * Returns undefined if there is room for another record, otherwise a promise that resolves once there is room. No
   * activation starts until then, so that the consumer soon stops fetching. Missing: there is always room.
   */
  readonly roomForRecord?: (() => Promise<void> | undefined) | undefined;
  /**
   * Returns undefined if the activation may begin, otherwise a promise that resolves when the pool has to ask again. The pool asks
   * whenever it has a container for the activation. Missing: each activation may begin.
   */
  readonly holdBack?: ((message: ActivationMessage) => Promise<void> | undefined) | undefined;
  /** Returns the memory in MB that others than containers lack, once for each lack. Missing: none. */
  readonly takeDemand?: (() => number) | undefined;
  /** Asks the owner to call `prepare` for an action that will soon be invoked. */
  readonly onPredicted?: ((message: ActivationMessage, containers: number) => void) | undefined;
  /** Calls `run` after `ms`, and returns a function that cancels the call. Missing: with a timer. */
  readonly after?: ((ms: number, run: () => void) => () => void) | undefined;
}

const SWEEP_INTERVAL_MS = 1000;

/** The most actions whose idle times are known: 600 bytes each, and what a preparation needs. */
const PREDICTED_ACTIONS = 4096;

/** The most actions for which a sweep starts containers: containers that activations wait for must not be delayed. */
const PREDICTED_AT_ONCE = 4;

/** The longest wait at the close for reports of ended activations. */
const REPORT_MS = 5000;

/** The longest wait at the close for removals. */
export const REMOVAL_MS = 30_000;

/** Runs activations in containers. Reuses, creates and removes containers within its memory. */
export class ContainerPool {
  readonly #parts: PoolParts;
  readonly #containers: Containers;
  readonly #stemCells: StemCells;
  readonly #backlog: Backlog<PooledContainer>;
  readonly #colorWaits: ColorWaits<Job, PooledContainer>;
  readonly #instanceWaits: InstanceWaits<Job>;
  readonly #runs: Runs;
  readonly #inAdvance: InAdvance;
  readonly #headroom = new Headroom();
  readonly #prediction: IdlePrediction<ActivationMessage> | undefined;
  #jobs = 0;
  #arrivals = 0;
  #sweeper: NodeJS.Timeout | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  /** Whether no more activations start: waiting ones are left to the next run. */
  #leaving = false;
  #onIdle: (() => void) | undefined;
  #awaitingRoom = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#containers = new Containers(parts, (key) => this.#onRoom(key));
    const { table } = this.#containers;
    this.#colorWaits = new ColorWaits<Job, PooledContainer>({
      table,
      now: parts.now,
      after: parts.after ?? afterTimeout,
      start: (job, entry, waitedMs) => {
        parts.metrics.waitedForColor(true, waitedMs);
        this.#start(job, { kind: 'warm', entry });
      },
      giveUp: (job, waitedMs) => {
        parts.metrics.waitedForColor(false, waitedMs);
        this.#backlog.putBack(job);
      },
      goOn: () => this.#startWaiting(),
    });
    this.#backlog = new Backlog<PooledContainer>({
      // A job without a container must not take the turn of a job that has one.
      place: (job) => {
        if (!this.#hasRoomForRecord()) return WAIT;
        const placement = place(table, job, parts.now());
        const begins = placement.kind !== 'wait' && placement.kind !== 'limited';
        return begins && this.#isHeldBack(job) ? WAIT : placement;
      },
      placeWarm: (job) => {
        const placement = this.#hasRoomForRecord() ? placeWarm(table, job) : undefined;
        return placement && !this.#isHeldBack(job) ? placement : undefined;
      },
      memoryOf: (namespace) => table.memoryOf(namespace),
      start: (job, placement) => {
        this.#start(job, placement);
        this.#instanceWaits.stir(job.flow);
      },
      park: (job) => this.#instanceWaits.park(job),
      now: parts.now,
    });
    this.#instanceWaits = new InstanceWaits<Job>({
      mayStart: (job) => mayStart(table, job),
      isQueued: (flow) => this.#backlog.has(flow),
      release: (job) => this.#backlog.putBack(job),
    });
    this.#runs = new Runs(parts, this.#containers, {
      isClosed: () => this.#state === 'closed',
      isLeaving: () => this.#leaving,
      putBack: (job) => this.#backlog.putBack(job),
    });
    this.#inAdvance = new InAdvance(parts, this.#containers, (entry) => this.#onRoom(entry.key));
    this.#stemCells = new StemCells(parts.stemCells, parts.now());
    const { predictsIdle = false, pauseGraceMs: graceMs, idleContainerMs } = parts.config;
    if (predictsIdle)
      this.#prediction = new IdlePrediction({ graceMs, fixedMs: idleContainerMs, maxActions: PREDICTED_ACTIONS });
    parts.metrics.observe(() => this.counts());
  }

  /** Starts the stem cells and the periodic sweep. */
  start(): void {
    this.sweep();
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS);
    this.#sweeper.unref();
  }

  /**
   * Runs an activation. Resolves once it is acknowledged and recorded, or to `left` if it had not started before
   * `leaveWaiting`. Never rejects.
   * @param storeWaitMs how long it has waited for the store.
   */
  submit(received: ActivationMessage, action: ExecutableAction, storeWaitMs = 0): Promise<Handled> {
    if (this.#leaving) return LEFT;
    let message = received;
    let unreadable: string | undefined;
    try {
      message = unlock(received, this.#parts.decrypt);
    } catch (error) {
      unreadable = messageOf(error);
    }
    return new Promise((resolve) => {
      this.#jobs++;
      const end = (how: Handled): void => {
        resolve(how);
        this.#prediction?.left(job.flow, this.#parts.now());
        if (--this.#jobs === 0) this.#onIdle?.();
      };
      const ends = { done: () => end(), leave: () => end('left') };
      const job = newJob(message, action, ++this.#arrivals, ends, storeWaitMs);
      this.#prediction?.arrived(job.flow, () => preparation(received), this.#parts.now());
      if (this.#state === 'closed') this.#runs.giveUp(job, whiskError(texts.abnormalRun));
      else if (unreadable !== undefined) this.#runs.giveUp(job, developerError(unreadable), unreadable);
      else if (this.#instanceWaits.has(job.flow)) this.#instanceWaits.park(job);
      else if (this.#backlog.size > 0 || !this.#colorWaits.admit(job)) this.#backlog.submit(job);
    });
  }

  /**
   * Starts containers for activations to come, until the action has `containers` of them or memory is full. Evicts
   * nothing. Does nothing while activations wait for a container.
   * @param predicted whether `onPredicted` asked for them.
   */
  prepare(received: ActivationMessage, action: ExecutableAction, containers: number, predicted = false): void {
    if (this.#state !== 'open' || this.#leaving || this.#backlog.size > 0) return;
    this.#inAdvance.prepare(received, action, containers, predicted);
  }

  /**
   * Sets the memory in MB that others than containers use now. No container starts in it, except one that needs more than
   * the rest of the pool's memory.
   */
  setOthers(memoryMB: number): void {
    this.#containers.setOthers(memoryMB);
  }

  /** Pauses and removes idle containers, and starts missing stem cells. To be called each second. */
  sweep(): void {
    if (this.#state !== 'open') return;
    const now = this.#parts.now();
    const { table } = this.#containers;
    this.#makeRoom(now);
    const { pause, remove, expired } = dueContainers(table, this.#parts.config, now, this.#isOver);
    for (const entry of pause) this.#containers.pause(entry);
    for (const entry of [...remove, ...expired]) this.#containers.remove(entry);
    this.#startWaiting();
    // Start waiting activations first: a stem cell must not take their memory.
    if (this.#backlog.size > 0) return;
    for (const { ticket, containers } of this.#prediction?.due(now, PREDICTED_AT_ONCE) ?? NOTHING) {
      this.#parts.onPredicted?.(ticket, containers);
    }
    for (const cell of this.#stemCells.missing((c) => table.stemCells(c.kind, c.memoryMB).size, now)) {
      this.#startStemCell(cell);
    }
  }

  readonly #isOver: IsOver = (entry, now) => this.#prediction?.isOver(entry, now);

  /** Removes containers that are idle for long, if others lack or use their memory, or the next start lacks it. */
  #makeRoom(now: number): void {
    const { table } = this.#containers;
    const others = (this.#parts.takeDemand?.() ?? 0) - table.freeMB;
    const shared = table.committedMB + table.othersMB - table.capacityMB;
    const missingMB = Math.max(others, shared, this.#headroom.missingMB(table, now));
    if (missingMB <= 0) return;
    for (const entry of removableFor(table, missingMB, this.#parts.config, now)) this.#containers.remove(entry);
  }

  /** The counts of containers by state, and of waiting activations. */
  counts(): PoolCounts {
    const { table } = this.#containers;
    const { unremoved } = this.#containers;
    return {
      ...countContainers(table),
      unremoved,
      waiting: this.#backlog.size + this.#colorWaits.size + this.#instanceWaits.size,
      activations: this.#jobs,
      predictedActions: this.#prediction?.size ?? 0,
    };
  }

  /**
   * Begins no more activations: those that wait, and those that still come, are left to the next run of this invoker.
   */
  leaveWaiting(): void {
    if (this.#state !== 'open') return;
    this.#leaving = true;
    for (let job = this.#nextWaiting(); job; job = this.#nextWaiting()) job.leave();
  }

  /**
   * Takes no more activations, waits at most `limitMs` for the end of its activations, ends the rest with a record of
   * failure, and removes all containers.
   */
  async close(limitMs: number): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    clearInterval(this.#sweeper);
    await this.#untilIdle(limitMs);
    this.#state = 'closed';
    for (let job = this.#nextWaiting(); job; job = this.#nextWaiting()) {
      this.#runs.giveUp(job, whiskError(texts.abnormalRun));
    }
    this.#containers.removeAll();
    const { reportMs = REPORT_MS, removalMs = REMOVAL_MS } = this.#parts.config.closing ?? {};
    await this.#untilIdle(reportMs);
    await this.#containers.removed(removalMs);
  }

  async #untilIdle(limitMs: number): Promise<void> {
    if (this.#jobs === 0) return;
    await within(new Promise<void>((resolve) => (this.#onIdle = resolve)), limitMs, () => undefined);
  }

  #nextWaiting(): Job | undefined {
    return this.#colorWaits.shift() ?? this.#instanceWaits.shift() ?? this.#backlog.shift();
  }

  /** Starts waiting activations. @param key of the container with room, if it is a container. */
  #onRoom(key?: string): void {
    if (key !== undefined && this.#colorWaits.size > 0 && this.#hasRoomForRecord()) this.#colorWaits.serve(key);
    this.#startWaiting(key);
  }

  /** Starts the waiting activations that can run now. @param key of a container that may have room. */
  #startWaiting(key?: string): void {
    if (this.#instanceWaits.size > 0) {
      this.#instanceWaits.stir(key === undefined ? undefined : flowOf(key));
      this.#instanceWaits.release();
    }
    do this.#backlog.startWaiting(key);
    while (this.#instanceWaits.release());
  }

  /** Starts the job in the chosen container. */
  #start(job: Job, placement: Decision<PooledContainer>): void {
    const { table } = this.#containers;
    job.colorHit = metColor(placement, job.color);
    if (job.color !== undefined) this.#parts.metrics.colored(job.colorHit);
    if (placement.kind === 'warm') {
      placement.entry.lastAssigned = this.#parts.now();
      if (placement.entry.predicted) {
        placement.entry.predicted = false;
        this.#parts.metrics.predicted('used');
      }
      table.assign(placement.entry, job.color);
      this.#runs.serve(placement.entry, job, 'warm');
      if (placement.wake) void this.#containers.resume(placement.wake);
    } else if (placement.kind === 'stemCell') {
      table.take(placement.entry, job.key, job.action.concurrency);
      this.#runs.serveFirst(placement.entry, job, 'prewarmed');
    } else if (placement.kind === 'cold') {
      for (const entry of placement.evict) this.#containers.remove(entry);
      if (placement.evict.length > 0) this.#headroom.evicted(job.memoryMB, this.#parts.now());
      this.#stemCells.countColdStart(job.kind, job.memoryMB);
      this.#runs.serveFirst(this.#containers.createFor(job), job, 'cold');
    } else {
      const text = texts.tooLarge(job.memoryMB, table.capacityMB);
      this.#runs.giveUp(job, developerError(text), text);
    }
  }

  /** Whether there is room for a record. If not, waiting activations start as soon as there is room. */
  #hasRoomForRecord(): boolean {
    return !this.#startsAfter(this.#parts.roomForRecord?.());
  }

  /** Whether the job may not begin yet. Waiting activations start as soon as that changes. */
  #isHeldBack(job: Job): boolean {
    return this.#startsAfter(this.#parts.holdBack?.(job.message));
  }

  /** Starts waiting activations after a change. @returns whether there is a change to wait for. */
  #startsAfter(change: Promise<void> | undefined): boolean {
    if (!change) return false;
    if (!this.#awaitingRoom) {
      this.#awaitingRoom = true;
      void change.then(() => {
        this.#awaitingRoom = false;
        this.#startWaiting();
      });
    }
    return true;
  }

  #startStemCell(cell: StemCell): void {
    this.#containers.createStemCell(cell, (error) => {
      if (error === undefined) return this.#stemCells.succeeded(cell);
      this.#parts.log.error(`could not start a stem cell of kind ${cell.kind}`, { error });
      this.#stemCells.failed(cell, this.#parts.now());
    });
  }
}

const WAIT = { kind: 'wait' } as const;

const LEFT = Promise.resolve('left' as const);

const NOTHING: readonly never[] = [];

const afterTimeout = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** Whether the container recently served the color. */
function metColor(placement: Decision<PooledContainer>, color: string | undefined): boolean {
  return color !== undefined && placement.kind === 'warm' && placement.entry.colors?.has(color) === true;
}
