import type { CompositeRun } from './composite.js';
import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import type { KeyValue } from '../../shared/entities/keyvalue.js';

/** What a run of a sequence or a composition came to. */
export interface CompositeOutcome {
  readonly response: ActivationResponse;
  readonly components: readonly string[];
  /** The sum of the components' durations, ms: the run itself took longer. */
  readonly duration: number;
  /** The largest memory limit of a component, MB; undefined where none has run. */
  readonly memory: number | undefined;
  readonly start: number;
  readonly end: number;
  readonly conductor: boolean;
  readonly color: string | undefined;
}

/** The record of a sequence or a composition: its logs are the ids of its components. */
export function compositeRecord(run: CompositeRun, outcome: CompositeOutcome): ActivationRecord {
  const { action, binding } = run.target;
  const topmost = run.cause === undefined;
  const annotations: KeyValue[] = [
    { key: 'topmost', value: topmost },
    { key: 'path', value: `${action.namespace}/${action.name}` },
    { key: 'kind', value: 'sequence' },
  ];
  if (outcome.conductor) annotations.push({ key: 'conductor', value: true });
  if (!topmost) annotations.push({ key: 'causedBy', value: 'sequence' });
  annotations.push({ key: 'waitTime', value: Math.max(0, outcome.start - run.transid.start) });
  if (binding !== undefined) annotations.push({ key: 'binding', value: binding });
  if (outcome.memory !== undefined) {
    const { timeout, logs } = action.limits;
    annotations.push({ key: 'limits', value: { timeout, memory: outcome.memory, logs, concurrency: 1 } });
  }
  if (outcome.color !== undefined) annotations.push({ key: 'color', value: outcome.color });
  return {
    activationId: run.activationId,
    namespace: run.user.namespace.name,
    name: action.name,
    version: action.version,
    subject: run.user.subject,
    publish: false,
    start: outcome.start,
    end: outcome.end,
    duration: outcome.duration,
    ...(topmost ? {} : { cause: run.cause }),
    response: outcome.response,
    logs: [...outcome.components],
    annotations,
  };
}
