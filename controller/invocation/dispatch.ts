import type { CompositeParts, CompositeRun, Composites } from './composite.js';
import { compositeRecord } from './compositeRecord.js';
import { runComposition } from './composition.js';
import { compositionErrors } from './compositionSteps.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from './Invocation.js';
import { runSequence, SEQUENCE_FAILED } from './sequence.js';
import { failure } from './sequenceAccounting.js';
import { StatusCode, type ActivationRecord } from '../../shared/entities/activation.js';
import { SEQUENCE } from '../../shared/entities/exec.js';
import { isTruthy } from '../../shared/entities/keyvalue.js';

/** Runs actions of every kind: sequences and conductors here, in the controller; all others by `parts.primitive`. */
export function createDispatch(parts: CompositeParts): Invocation {
  const { journal, clock, newActivationId } = parts;

  const composites: Composites = {
    async sequence(run, actionCount) {
      const start = clock();
      const finished = await runSequence(parts, composites, run, actionCount).catch((error: unknown) => ({
        record: failedRecord(parts, run, start, error, false),
        actionCount,
      }));
      void journal.keep(finished.record, run.user, run.transid);
      return finished;
    },
    async composition(run, budget) {
      const start = clock();
      const record = await runComposition(parts, composites, run, budget).catch((error: unknown) =>
        failedRecord(parts, run, start, error, true),
      );
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
    async invoke(request): Promise<InvocationOutcome> {
      const { exec, annotations } = request.target.action;
      if (exec.kind === SEQUENCE) {
        const run = runOf(request, newActivationId());
        const finished = composites.sequence(run, 0).then(({ record }) => record);
        return waitFor(journal.track(finished), run.activationId, request.waitMs);
      }
      if (isTruthy(annotations, 'conductor')) {
        const run = runOf(request, newActivationId());
        return waitFor(journal.track(composites.composition(run)), run.activationId, request.waitMs);
      }
      return parts.primitive.invoke(request);
    },
  };
}

/** A run that failed by an error of the controller's own leaves a record, like any other. */
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
  return compositeRecord(run, {
    response: failure(StatusCode.whiskError, text),
    components: [],
    duration: 0,
    memory: undefined,
    start,
    end: clock(),
    conductor,
    color: undefined,
  });
}

function runOf(request: InvocationRequest, activationId: string): CompositeRun {
  const { transid, user, target, payload, cause, color } = request;
  return { transid, user, target, payload, cause, color, activationId };
}

/** The record if it comes within the wait, else the id; the run goes on. */
function waitFor(
  record: Promise<ActivationRecord>,
  activationId: string,
  waitMs: number | undefined,
): Promise<InvocationOutcome> {
  const accepted: InvocationOutcome = { kind: 'accepted', activationId };
  if (waitMs === undefined) return Promise.resolve(accepted);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(accepted), waitMs);
    record.then((finished) => resolve({ kind: 'record', record: finished }), reject).finally(() => clearTimeout(timer));
  });
}
