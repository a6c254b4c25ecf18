import type { CompositeParts, CompositeRun, Composites } from './composite.js';
import { runComposition } from './composition.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from './Invocation.js';
import { runSequence } from './sequence.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import { SEQUENCE } from '../../shared/entities/exec.js';
import type { Identity } from '../../shared/entities/identity.js';
import { isTruthy } from '../../shared/entities/keyvalue.js';

/** Runs actions of every kind, and knows what it is running. */
export interface Dispatch extends Invocation {
  /** Resolves once every sequence and composition that is running has ended and its record is stored, and what is tracked. */
  idle(): Promise<void>;
  /** Counts other work that goes on after its request was answered as running, until it settles. */
  track(work: Promise<unknown>): void;
}

/** Sequences and conductors are run here, by the controller; everything else is `parts.primitive`'s. */
export function createDispatch(parts: CompositeParts): Dispatch {
  /** What runs, and what is being written. */
  const running = new Set<Promise<unknown>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    running.add(work);
    void work.catch(() => undefined).finally(() => running.delete(work));
    return work;
  };

  const keep = (record: ActivationRecord, user: Identity): void => {
    parts.events.activation(record, user.namespace.uuid);
    if (user.limits.storeActivations === false) return;
    const stored = parts.activations.store(record).catch((error: unknown) => {
      parts.log.error('record of a sequence was not stored', { error, activationId: record.activationId });
    });
    void track(stored);
  };

  const composites: Composites = {
    async sequence(run, actionCount) {
      const finished = await runSequence(parts, composites, run, actionCount);
      keep(finished.record, run.user);
      return finished;
    },
    async composition(run, budget) {
      const record = await runComposition(parts, composites, run, budget);
      keep(record, run.user);
      return record;
    },
    async action(request, budget) {
      if (!isTruthy(request.target.action.annotations, 'conductor')) return parts.primitive.invoke(request);
      const run = { ...request, activationId: parts.newActivationId() };
      return { kind: 'record', record: await composites.composition(run, budget) };
    },
  };

  return {
    async invoke(request): Promise<InvocationOutcome> {
      const { exec, annotations } = request.target.action;
      if (exec.kind === SEQUENCE) {
        const run = runOf(request, parts.newActivationId());
        const finished = composites.sequence(run, 0).then(({ record }) => record);
        return waitFor(track(finished), run.activationId, request.waitMs);
      }
      if (isTruthy(annotations, 'conductor')) {
        const run = runOf(request, parts.newActivationId());
        return waitFor(track(composites.composition(run)), run.activationId, request.waitMs);
      }
      return parts.primitive.invoke(request);
    },
    track(work) {
      void track(work);
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

function runOf(request: InvocationRequest, activationId: string): CompositeRun {
  const { transid, user, target, payload, cause, color } = request;
  return { transid, user, target, payload, cause, color, activationId };
}

/** The record where it comes within the wait, else the id; the run goes on. */
function waitFor(
  record: Promise<ActivationRecord>,
  activationId: string,
  waitMs: number | undefined,
): Promise<InvocationOutcome> {
  const accepted: InvocationOutcome = { kind: 'accepted', activationId };
  if (waitMs === undefined) return Promise.resolve(accepted);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(accepted), waitMs);
    record.then(
      (finished) => {
        clearTimeout(timer);
        resolve({ kind: 'record', record: finished });
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
