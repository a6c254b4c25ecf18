import { interrupted } from './AcceptedRuns.js';
import type { CompositeParts, CompositeRun, Composites } from './composite.js';
import { compositeRecord } from './compositeRecord.js';
import { runComposition } from './composition.js';
import { compositionErrors } from './compositionSteps.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from './Invocation.js';
import { runSequence, SEQUENCE_FAILED } from './sequence.js';
import { failure } from './sequenceAccounting.js';
import { StatusCode, type ActivationRecord, type ActivationResponse } from '../../shared/entities/activation.js';
import { SEQUENCE } from '../../shared/entities/exec.js';
import { isTruthy } from '../../shared/entities/keyvalue.js';
import { BusUnavailableError } from '../../shared/messaging/Messaging.js';
import { within } from '../../shared/process/within.js';

/** Runs actions of all kinds: sequences and conductors in this process, all others through `parts.primitive`. */
export function createDispatch(parts: CompositeParts): Invocation {
  const { journal, clock, newActivationId } = parts;

  const composites: Composites = {
    async sequence(run, actionCount) {
      const start = clock();
      const finished = await runSequence(parts, composites, run, actionCount).catch((error: unknown) => ({
        record: failedRecord(parts, run, start, error, false),
        actionCount,
      }));
      if (run.cause === undefined) await journal.beforeAnswer(finished.record, run.user);
      void journal.keep(finished.record, run.user, run.transid);
      return finished;
    },
    async composition(run, budget) {
      const start = clock();
      const record = await runComposition(parts, composites, run, budget).catch((error: unknown) =>
        failedRecord(parts, run, start, error, true),
      );
      if (run.cause === undefined) await journal.beforeAnswer(record, run.user);
      void journal.keep(record, run.user, run.transid);
      return record;
    },
    async action(request, budget) {
      if (!isTruthy(request.target.action.annotations, 'conductor')) return parts.primitive.invoke(request);
      const run = { ...request, activationId: newActivationId() };
      return { kind: 'record', record: await composites.composition(run, budget) };
    },
  };

  return {
    invoke(request): Promise<InvocationOutcome> {
      const { exec, annotations } = request.target.action;
      if (exec.kind === SEQUENCE) {
        const run = runOf(request, newActivationId());
        const finish = (): Promise<ActivationRecord> => composites.sequence(run, 0).then(({ record }) => record);
        return begin(parts, run, false, finish, request.waitMs);
      }
      if (isTruthy(annotations, 'conductor')) {
        const run = runOf(request, newActivationId());
        return begin(parts, run, true, () => composites.composition(run), request.waitMs);
      }
      return parts.primitive.invoke(request);
    },
  };
}

/** The record of a run that failed because of an error of the controller itself. */
function failedRecord(
  { log, clock }: CompositeParts,
  run: CompositeRun,
  start: number,
  error: unknown,
  conductor: boolean,
): ActivationRecord {
  const what = conductor ? 'composition' : 'sequence';
  log.error(`the ${what} ${run.activationId} failed`, { transid: run.transid, error });
  const text = conductor ? compositionErrors.failed : SEQUENCE_FAILED;
  return emptyRecord(run, failure(StatusCode.whiskError, text), start, clock(), conductor);
}

/** The record of a run for the case that this process ends first. */
function interruptedRecord({ clock }: CompositeParts, run: CompositeRun, conductor: boolean): ActivationRecord {
  const now = clock();
  return emptyRecord(run, interrupted(), now, now, conductor);
}

function emptyRecord(
  run: CompositeRun,
  response: ActivationResponse,
  start: number,
  end: number,
  conductor: boolean,
): ActivationRecord {
  const nothing = { components: [], duration: 0, memory: undefined, color: undefined };
  return compositeRecord(run, { ...nothing, response, start, end, conductor });
}

function runOf(request: InvocationRequest, activationId: string): CompositeRun {
  const { transid, user, target, payload, cause, color, references } = request;
  return { transid, user, target, payload, cause, color, references, activationId };
}

/** The longest time before the end of a wait at which the run's record is kept, in ms, so that the id is answered in time. */
const KEEP_AHEAD_MS = 5000;

/** The longest wait for it after the end of the caller's wait, in ms: the bus may be away. */
const KEEP_LATE_MS = 5000;

/**
 * Starts a run. Resolves to the record if the run ends within the wait. Otherwise resolves to the id, once the run's
 * record is durable, and the run continues.
 * @throws StoreError or BusUnavailableError if the record cannot be kept. Without a wait the run has not started then.
 */
async function begin(
  parts: CompositeParts,
  run: CompositeRun,
  conductor: boolean,
  finish: () => Promise<ActivationRecord>,
  waitMs: number | undefined,
): Promise<InvocationOutcome> {
  const { journal } = parts;
  const accepted: InvocationOutcome = { kind: 'accepted', activationId: run.activationId };
  const keep = (): Promise<void> => journal.accept(() => interruptedRecord(parts, run, conductor), run.user);
  if (waitMs === undefined) {
    await keep();
    void journal.track(finish());
    return accepted;
  }
  // The caller gets the id only if the wait for the result ends first.
  const record = journal.track(finish());
  const finished = record.then((record): InvocationOutcome => ({ kind: 'record', record }));
  const aheadMs = Math.min(KEEP_AHEAD_MS, waitMs / 12);
  const early = await within(finished, waitMs - aheadMs, () => undefined);
  if (early) return early;
  const kept = keep();
  // The wait below reports the error.
  kept.catch(() => {});
  return within(finished, aheadMs, () => {
    const inTime = within(kept, parts.keepLateMs ?? KEEP_LATE_MS, () => {
      throw new BusUnavailableError(`the record of ${run.activationId} is not durable in time`);
    });
    return Promise.race([finished, inTime.then(() => accepted)]);
  });
}
