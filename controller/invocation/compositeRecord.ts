import type { CompositeRun } from './composite.js';
import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import { activationRecord, limitsAnnotation } from '../../shared/entities/activationRecord.js';
import { SEQUENCE } from '../../shared/entities/exec.js';

/** The outcome of a run of a sequence or a composition. */
export interface CompositeOutcome {
  readonly response: ActivationResponse;
  readonly components: readonly string[];
  /** The sum of the components' durations in ms. The run itself took longer. */
  readonly duration: number;
  /** The largest memory limit of a component in MB; undefined if no component ran. */
  readonly memory: number | undefined;
  readonly start: number;
  readonly end: number;
  readonly conductor: boolean;
  readonly color: string | undefined;
}

/** The record of a sequence or a composition. Its logs are the activation ids of the components. */
export function compositeRecord(run: CompositeRun, outcome: CompositeOutcome): ActivationRecord {
  const { action, binding } = run.target;
  const { timeout, logs } = action.limits;
  const { memory, color } = outcome;
  return activationRecord({
    activationId: run.activationId,
    user: run.user,
    name: action.name,
    version: action.version,
    start: outcome.start,
    end: outcome.end,
    duration: outcome.duration,
    cause: run.cause,
    response: outcome.response,
    logs: [...outcome.components],
    annotations: {
      topmost: run.cause === undefined,
      binding,
      path: action._id,
      waitTime: outcome.start - run.transid.start,
      conductor: outcome.conductor || undefined,
      kind: SEQUENCE,
      limits: memory === undefined ? undefined : limitsAnnotation({ timeout, memory, logs, concurrency: 1 }),
      color: color === undefined ? undefined : { value: color },
    },
  });
}
