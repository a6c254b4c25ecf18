import type { ActivationRecord, ActivationResponse } from './activation.js';
import type { Json, KeyValue } from './keyvalue.js';
import type { ActionLimits } from './limits.js';

/** The color of an activation, and where it ran; a sequence and a trigger have only the color. */
export interface RecordColor {
  readonly value: string;
  /** The invoker's name, such as `invoker0`. */
  readonly invoker?: string | undefined;
  readonly containerId?: string | undefined;
  /** Whether its container served the color lately; missing if it reached none. */
  readonly served?: boolean | undefined;
  /** Whether it was sent to the color's home. */
  readonly hit?: boolean | undefined;
}

/** The annotations of a record, apart from `causedBy`, which follows from the cause. A missing fact has no annotation. */
export interface RecordAnnotations {
  /** Of a sequence or a composition: whether no other activation caused it. */
  readonly topmost?: boolean | undefined;
  /** The path of the binding through which the action was reached. */
  readonly binding?: string | undefined;
  /** The document id of the action. */
  readonly path?: string | undefined;
  /** From the request to the start, ms. The clocks of two hosts may differ: less than 0 becomes 0. */
  readonly waitTime?: number | undefined;
  readonly conductor?: boolean | undefined;
  readonly kind?: string | undefined;
  /** Whether the action exceeded its time limit. */
  readonly timeout?: boolean | undefined;
  /** See `limitsAnnotation`. */
  readonly limits?: Json | undefined;
  /** Of an activation that initialized its container, ms. */
  readonly initTime?: number | undefined;
  readonly color?: RecordColor | undefined;
}

/** What a record says. Times in ms since the epoch. */
export interface RecordFacts {
  readonly activationId: string;
  readonly user: { readonly subject: string; readonly namespace: { readonly name: string } };
  readonly name: string;
  readonly version?: string | undefined;
  readonly start: number;
  /** Missing for a fired trigger: its record has no duration and the end 0. */
  readonly end?: number | undefined;
  /** ms; missing: from the start to the end. */
  readonly duration?: number | undefined;
  /** The activation that caused this one. */
  readonly cause?: string | undefined;
  readonly response: ActivationResponse;
  /** Missing: none. */
  readonly logs?: string[] | undefined;
  readonly annotations: RecordAnnotations;
}

/** The record of an activation, as OpenWhisk writes it; the annotations of a color are ours. */
export function activationRecord(facts: RecordFacts): ActivationRecord {
  const { user, start, end, cause } = facts;
  return {
    activationId: facts.activationId,
    namespace: user.namespace.name,
    name: facts.name,
    version: facts.version ?? '0.0.1',
    subject: user.subject,
    publish: false,
    start,
    end: end ?? 0,
    ...(end === undefined ? {} : { duration: facts.duration ?? end - start }),
    ...(cause === undefined ? {} : { cause }),
    response: facts.response,
    logs: facts.logs ?? [],
    annotations: annotationsOf(facts.annotations, cause !== undefined),
  };
}

/** The annotation `limits` of a record. `memory` and `logs` in MB, `timeout` in ms. */
export function limitsAnnotation({ concurrency, logs, memory, timeout, instances }: ActionLimits): Json {
  return { concurrency, logs, memory, timeout, ...(instances === undefined ? {} : { instances }) };
}

/** In the order of OpenWhisk's records. */
function annotationsOf(facts: RecordAnnotations, caused: boolean): KeyValue[] {
  const { waitTime, color } = facts;
  const annotations: KeyValue[] = [];
  const add = (key: string, value: Json | undefined): void => {
    if (value !== undefined) annotations.push({ key, value });
  };
  add('topmost', facts.topmost);
  // Whatever caused it: clients know this word alone.
  if (caused) add('causedBy', 'sequence');
  add('binding', facts.binding);
  add('path', facts.path);
  if (waitTime !== undefined) add('waitTime', Math.max(0, waitTime));
  add('conductor', facts.conductor);
  add('kind', facts.kind);
  add('timeout', facts.timeout);
  add('limits', facts.limits);
  add('initTime', facts.initTime);
  if (color) {
    add('color', color.value);
    add('invoker', color.invoker);
    add('container', color.containerId);
    // Whether memory was met, and whether the home was: either may be true without the other.
    add('colorHit', color.served);
    add('colorHome', color.hit);
  }
  return annotations;
}
