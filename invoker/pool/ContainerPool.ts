import type { ActivationResponse } from '../../shared/entities/activation.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { Handled } from '../../shared/messaging/Messaging.js';
import { averageAfter } from '../../shared/collections/runningAverage.js';
import { within } from '../../shared/process/within.js';
import type { ExecutableAction } from '../activations/ExecutableAction.js';
import { executionRecord, type Execution } from '../activations/record.js';
import type { Reporter } from '../activations/Reporter.js';
import { developerError, isReusable, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import type { Container } from '../containers/ContainerDriver.js';
import { Backlog } from './Backlog.js';
import { collectLogs, discardLogs, logLine } from './collectLogs.js';
import { ColorWaits } from './ColorWaits.js';
import { flowOf } from './ContainerEntry.js';
import { Containers, type ContainersConfig, type ContainersParts } from './Containers.js';
import { dueContainers, mayStart, place, placeWarm, type Decision, type SweepTimes } from './decide.js';
import { run, type ExecutionParts } from './execute.js';
import { InstanceWaits } from './InstanceWaits.js';
import { newJob, type Job } from './Job.js';
import type { PoolMetrics, StartKind } from './InvokerMetrics.js';
import type { Fault, PooledContainer, Prepared } from './PooledContainer.js';
import { prepare } from './prepare.js';
import { unlock, type Decrypt } from './protocol.js';
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

export interface PoolConfig extends SweepTimes, ContainersConfig {
  /** The invoker's name in the records of colored activations. */
  readonly invokerName: string;
}

export interface PoolParts extends ExecutionParts, ContainersParts {
  readonly reporter: Reporter;
  readonly decrypt: Decrypt;
  readonly stemCells: readonly StemCell[];
  readonly metrics: PoolMetrics;
  readonly config: PoolConfig;
  /**
   * Returns undefined if there is room for another record, otherwise a promise that resolves once there is room. No
   * activation starts until then, so that the consumer soon stops fetching. Missing: there is always room.
   */
  readonly roomForRecord?: (() => Promise<void> | undefined) | undefined;
  /** Calls `run` after `ms`, and returns a function that cancels the call. Missing: with a timer. */
  readonly after?: ((ms: number, run: () => void) => () => void) | undefined;
}

/** The number of containers that may fail to take an activation before it is given up. */
const MAX_ATTEMPTS = 5;

const SWEEP_INTERVAL_MS = 1000;

/** The longest wait at the close for reports of ended activations. */
const REPORT_MS = 5000;

/** The longest wait at the close for removals. */
const REMOVAL_MS = 30_000;

/** Runs activations in containers. Reuses, creates and removes containers within its memory. */
export class ContainerPool {
  readonly #parts: PoolParts;
  readonly #containers: Containers;
  readonly #stemCells: StemCells;
  readonly #backlog: Backlog<PooledContainer>;
  readonly #colorWaits: ColorWaits<Job, PooledContainer>;
  readonly #instanceWaits: InstanceWaits<Job>;
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
      place: (job) => (this.#hasRoomForRecord() ? place(table, job, parts.now()) : WAIT),
      placeWarm: (job) => (this.#hasRoomForRecord() ? placeWarm(table, job) : undefined),
      memoryOf: (namespace) => table.memoryOf(namespace),
      start: (job, placement) => {
        this.#start(job, placement);
        this.#instanceWaits.stir(job.flow);
      },
      park: (job) => this.#instanceWaits.park(job),
    });
    this.#instanceWaits = new InstanceWaits<Job>({
      mayStart: (job) => mayStart(table, job),
      isQueued: (flow) => this.#backlog.has(flow),
      release: (job) => this.#backlog.putBack(job),
    });
    this.#stemCells = new StemCells(parts.stemCells, parts.now());
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
   */
  submit(received: ActivationMessage, action: ExecutableAction): Promise<Handled> {
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
        if (--this.#jobs === 0) this.#onIdle?.();
      };
      const job = newJob(message, action, ++this.#arrivals, { done: () => end(), leave: () => end('left') });
      if (this.#state === 'closed') this.#giveUp(job, whiskError(texts.abnormalRun));
      else if (unreadable !== undefined) this.#giveUp(job, developerError(unreadable), unreadable);
      else if (this.#instanceWaits.has(job.flow)) this.#instanceWaits.park(job);
      else if (this.#backlog.size > 0 || !this.#colorWaits.admit(job)) this.#backlog.submit(job);
    });
  }

  /** Pauses and removes idle containers, and starts missing stem cells. To be called each second. */
  sweep(): void {
    if (this.#state !== 'open') return;
    const now = this.#parts.now();
    const { table } = this.#containers;
    const { pause, remove, expired } = dueContainers(table, this.#parts.config, now);
    for (const entry of pause) this.#containers.pause(entry);
    for (const entry of [...remove, ...expired]) this.#containers.remove(entry);
    this.#startWaiting();
    // Start waiting activations first: a stem cell must not take their memory.
    if (this.#backlog.size > 0) return;
    for (const cell of this.#stemCells.missing((c) => table.stemCells(c.kind, c.memoryMB).size, now)) {
      this.#startStemCell(cell);
    }
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
      this.#giveUp(job, whiskError(texts.abnormalRun));
    }
    this.#containers.removeAll();
    await this.#untilIdle(REPORT_MS);
    await this.#containers.removed(REMOVAL_MS);
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
      table.assign(placement.entry, job.color);
      this.#serve(placement.entry, job, 'warm');
      if (placement.wake) void this.#containers.resume(placement.wake);
    } else if (placement.kind === 'stemCell') {
      table.take(placement.entry, job.key, job.action.concurrency);
      this.#serveFirst(placement.entry, job, 'prewarmed');
    } else if (placement.kind === 'cold') {
      for (const entry of placement.evict) this.#containers.remove(entry);
      this.#stemCells.countColdStart(job.kind, job.memoryMB);
      this.#serveFirst(this.#containers.createFor(job), job, 'cold');
    } else {
      const text = texts.tooLarge(job.memoryMB, table.capacityMB);
      this.#giveUp(job, developerError(text), text);
    }
  }

  /** Whether there is room for a record. If not, waiting activations start as soon as there is room. */
  #hasRoomForRecord(): boolean {
    const room = this.#parts.roomForRecord?.();
    if (!room) return true;
    if (!this.#awaitingRoom) {
      this.#awaitingRoom = true;
      void room.then(() => {
        this.#awaitingRoom = false;
        this.#startWaiting();
      });
    }
    return false;
  }

  /** Runs the job in a container that must be prepared first. */
  #serveFirst(entry: PooledContainer, job: Job, start: StartKind): void {
    entry.lastAssigned = this.#parts.now();
    entry.prepared = prepare(this.#parts, this.#containers, entry, job, start === 'prewarmed');
    this.#containers.table.assign(entry, job.color);
    this.#serve(entry, job, start);
  }

  /** Runs the job in its assigned container. */
  #serve(entry: PooledContainer, job: Job, start: StartKind): void {
    this.#execute(entry, job, start).catch((error: unknown) => {
      this.#parts.log.error(`activation ${job.message.activationId} failed`, { transid: job.message.transid, error });
      this.#containers.drain(entry);
      this.#giveUp(job, whiskError(texts.abnormalRun));
      this.#containers.release(entry, false);
    });
  }

  async #execute(entry: PooledContainer, job: Job, start: StartKind): Promise<void> {
    let init: Execution['init'];
    if (entry.prepared) {
      const prepared = await entry.prepared;
      if (prepared.kind === 'unsent') return this.#tryElsewhere(entry, job, prepared.fault);
      if (prepared.kind === 'failed') return this.#notPrepared(entry, job, prepared, start !== 'warm');
      if (start !== 'warm') init = prepared.init;
    } else if (entry.changing && !(await this.#containers.resume(entry))) {
      return this.#tryElsewhere(entry, job, 'platform');
    }
    const { container } = entry;
    if (!container || (!container.running && init === undefined)) return this.#tryElsewhere(entry, job, 'container');
    const execution = await run(this.#parts, container, job, init, () => entry.active - 1);
    if (!execution) return this.#tryElsewhere(entry, job, 'container');
    this.#parts.metrics.started(start);
    this.#finish(entry, job, container, execution);
  }

  /** Reports the ended activation. The container may take the next one as soon as possible. */
  #finish(entry: PooledContainer, job: Job, container: Container, ended: Execution): void {
    const { reporter, config, metrics } = this.#parts;
    const { message, action } = job;
    // A failure in a container that the pool has removed is not the action's fault.
    const takenAway = this.#state === 'closed' && !isReusable(ended.response);
    const execution = takenAway ? { ...ended, response: whiskError(texts.abnormalRun) } : ended;
    const { response } = execution;
    const record = executionRecord(message, action, execution, config.invokerName);
    metrics.ended(record);
    const group = this.#containers.table.group(job.key);
    if (group) group.meanRunMs = averageAfter(group.meanRunMs, runMs(execution));
    const reusable = isReusable(response);
    if (!reusable) this.#containers.drain(entry);
    if (action.logsMB === 0) {
      void reporter.report(message, record).then(job.done);
      discardLogs(container, this.#parts.log);
      this.#containers.release(entry, false);
      return;
    }
    const logs = entry.logs.then(() => collectLogs(container, action, response, this.#parts));
    entry.logs = logs;
    const lines = logs.then((collected) => {
      if (collected.leftover > 0) metrics.logLinesDropped(collected.leftover);
      return collected.lines;
    });
    void reporter.reportWithLogs(message, record, lines).then(job.done);
    // An unsigned sentinel may be the action's text: the next run must wait until these logs are collected.
    const overlap = reusable && action.sentinelled && (container.signsLogs || action.concurrency > 1);
    if (overlap) this.#containers.release(entry, true);
    void logs.then((collected) => {
      // Discard the logs: otherwise they stay in memory as long as the container.
      if (entry.logs === logs) entry.logs = NO_LOGS;
      if (!collected.complete) this.#containers.drain(entry);
      if (overlap) this.#containers.collected(entry);
      else this.#containers.release(entry, false);
    });
  }

  /** Handles a failed preparation: records the activation that prepared the container, and those that waited for it. */
  #notPrepared(entry: PooledContainer, job: Job, prepared: Prepared & { kind: 'failed' }, first: boolean): void {
    this.#containers.drain(entry);
    if (first && prepared.initialized && entry.container) {
      this.#finish(entry, job, entry.container, prepared.execution);
      return;
    }
    if (first) this.#conclude(job, prepared.execution, true, prepared.reason);
    else this.#giveUp(job, prepared.response, prepared.reason);
    this.#containers.release(entry, false);
  }

  /** Moves a job to another container, because its container did not take it. */
  #tryElsewhere(entry: PooledContainer, job: Job, fault: Fault): void {
    this.#parts.metrics.rescheduled();
    this.#containers.drain(entry);
    if (fault !== 'memory') job.attempts++;
    if (fault === 'platform') job.platformFailed = true;
    if (this.#leaving) job.leave();
    else if (this.#state === 'closed') this.#giveUp(job, whiskError(texts.abnormalRun));
    else if (job.attempts < MAX_ATTEMPTS) this.#backlog.putBack(job);
    // The action itself makes containers refuse to run after they took its code.
    else this.#giveUp(job, job.platformFailed ? whiskError(texts.abnormalRun) : developerError(texts.abnormalRun));
    this.#containers.release(entry, false);
  }

  /**
   * Ends an activation that never reached a container.
   * @param reason a line for its logs.
   */
  #giveUp(job: Job, response: ActivationResponse, reason?: string): void {
    const { log } = this.#parts;
    const { activationId, transid } = job.message;
    log.warn(`could not run activation ${activationId} of ${job.action.path}`, { transid, result: response.result });
    const now = this.#parts.now();
    this.#conclude(job, { response, total: { start: now, end: now }, timedOut: false }, false, reason);
  }

  #conclude(job: Job, execution: Execution, combined: boolean, reason: string | undefined): void {
    const { reporter, config, metrics, now } = this.#parts;
    const record = executionRecord(job.message, job.action, execution, config.invokerName);
    metrics.ended(record);
    const logged = reason !== undefined && job.action.logsMB > 0;
    const whole = logged ? { ...record, logs: [logLine(now(), reason)] } : record;
    void reporter.report(job.message, whole, combined).then(job.done);
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

const NO_LOGS = Promise.resolve();

const afterTimeout = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** The duration of `/run` in ms. */
const runMs = ({ total, init }: Execution): number =>
  total.end - total.start - (init === undefined ? 0 : init.end - init.start);

/** Whether the container recently served the color. */
function metColor(placement: Decision<PooledContainer>, color: string | undefined): boolean {
  return color !== undefined && placement.kind === 'warm' && placement.entry.colors?.has(color) === true;
}
