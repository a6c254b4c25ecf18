import type { ActivationResponse } from '../../shared/entities/activation.js';
import { averageAfter } from '../../shared/collections/runningAverage.js';
import { executionRecord, type Execution } from '../activations/record.js';
import type { Reporter } from '../activations/Reporter.js';
import { developerError, isReusable, whiskError } from '../activations/response.js';
import * as texts from '../activations/texts.js';
import type { Container } from '../containers/ContainerDriver.js';
import { collectLogs, discardLogs, logLine } from './collectLogs.js';
import type { Containers } from './Containers.js';
import { run } from './execute.js';
import type { PoolMetrics, StartKind } from './InvokerMetrics.js';
import type { Job } from './Job.js';
import type { Late } from './lateJobs.js';
import type { Fault, PooledContainer, Prepared } from './PooledContainer.js';
import { prepare, type PrepareParts } from './prepare.js';

export interface RunsParts extends PrepareParts {
  readonly reporter: Reporter;
  readonly metrics: PoolMetrics;
  readonly config: {
    /** The invoker's name in the records of colored activations. */
    readonly invokerName: string;
  };
}

/** The pool, which chooses the container of each job. */
export interface RunsOwner {
  /** Whether the pool has removed its containers. */
  isClosed(): boolean;
  /** Whether activations that have not started are left to the next run of the invoker. */
  isLeaving(): boolean;
  /** Chooses another container for a job that its container did not take. */
  putBack(job: Job): void;
}

/** The number of containers that may fail to take an activation before it is given up. */
const MAX_ATTEMPTS = 5;

/** Runs jobs in the containers that the pool chose for them, and reports how they ended. */
export class Runs {
  readonly #parts: RunsParts;
  readonly #containers: Containers;
  readonly #owner: RunsOwner;

  constructor(parts: RunsParts, containers: Containers, owner: RunsOwner) {
    this.#parts = parts;
    this.#containers = containers;
    this.#owner = owner;
  }

  /** Runs the job in a container that must be prepared first. */
  serveFirst(entry: PooledContainer, job: Job, start: StartKind): void {
    entry.lastAssigned = this.#parts.now();
    entry.prepared = prepare(this.#parts, this.#containers, entry, job, start === 'prewarmed');
    this.#containers.table.assign(entry, job.color);
    this.serve(entry, job, start);
  }

  /** Runs the job in its assigned container. Never throws. */
  serve(entry: PooledContainer, job: Job, start: StartKind): void {
    this.#execute(entry, job, start).catch((error: unknown) => {
      this.#parts.log.error(`activation ${job.message.activationId} failed`, { transid: job.message.transid, error });
      this.#containers.drain(entry);
      this.giveUp(job, whiskError(texts.abnormalRun));
      this.#containers.release(entry, false);
    });
  }

  async #execute(entry: PooledContainer, job: Job, start: StartKind): Promise<void> {
    let init: Execution['init'];
    if (entry.prepared) {
      const prepared = await entry.prepared;
      if (prepared.kind === 'unsent') return this.#tryElsewhere(entry, job, prepared.fault);
      if (prepared.kind === 'left') return this.#leave(entry, job);
      if (prepared.kind === 'late') {
        return start === 'warm' ? this.#tryElsewhere(entry, job, 'memory') : this.#endLate(entry, job, prepared.late);
      }
      if (prepared.kind === 'failed') return this.#notPrepared(entry, job, prepared, start !== 'warm');
      if (start !== 'warm') init = prepared.init;
    } else if (entry.changing && !(await this.#containers.resume(entry))) {
      return this.#tryElsewhere(entry, job, 'platform');
    }
    if (init === undefined) {
      const looking = this.#parts.late?.(job);
      const late = looking && (await looking);
      if (late) return this.#endLate(entry, job, late);
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
    const takenAway = this.#owner.isClosed() && !isReusable(ended.response);
    const execution = takenAway ? { ...ended, response: whiskError(texts.abnormalRun) } : ended;
    const { response } = execution;
    const record = executionRecord(message, action, execution, config.invokerName);
    metrics.ended(record);
    const group = this.#containers.table.group(job.key);
    if (group) group.meanRunMs = averageAfter(group.meanRunMs, runMs(execution));
    const reusable = isReusable(response);
    if (!reusable) this.#containers.drain(entry);
    const silent = reusable && execution.silent === true;
    if (silent || action.logsMB === 0) {
      void reporter.report(message, record).then(job.done);
      if (!silent) discardLogs(container, this.#parts.log);
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
    else this.giveUp(job, prepared.response, prepared.reason);
    this.#containers.release(entry, false);
  }

  /** Leaves a job that has not started to the next run of the invoker. */
  #leave(entry: PooledContainer, job: Job): void {
    this.#containers.drain(entry);
    job.leave();
    this.#containers.release(entry, false);
  }

  /** Ends a job that waited for so long that it must not run. */
  #endLate(entry: PooledContainer, job: Job, late: Late): void {
    if (late.kind === 'left') job.leave();
    else if (late.kind === 'unknown') this.giveUp(job, late.response);
    else void this.#parts.reporter.acknowledge(job.message, late.record).then(job.done);
    this.#containers.release(entry, false);
  }

  /** Moves a job to another container, because its container did not take it. */
  #tryElsewhere(entry: PooledContainer, job: Job, fault: Fault): void {
    this.#parts.metrics.rescheduled();
    this.#containers.drain(entry);
    if (fault !== 'memory') job.attempts++;
    if (fault === 'platform') job.platformFailed = true;
    if (this.#owner.isLeaving()) job.leave();
    else if (this.#owner.isClosed()) this.giveUp(job, whiskError(texts.abnormalRun));
    else if (job.attempts < MAX_ATTEMPTS) this.#owner.putBack(job);
    // The action itself makes containers refuse to run after they took its code.
    else this.giveUp(job, job.platformFailed ? whiskError(texts.abnormalRun) : developerError(texts.abnormalRun));
    this.#containers.release(entry, false);
  }

  /**
   * Ends an activation that never reached a container.
   * @param reason a line for its logs.
   */
  giveUp(job: Job, response: ActivationResponse, reason?: string): void {
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
}

const NO_LOGS = Promise.resolve();

/** The duration of `/run` in ms. */
const runMs = ({ total, init }: Execution): number =>
  total.end - total.start - (init === undefined ? 0 : init.end - init.start);
