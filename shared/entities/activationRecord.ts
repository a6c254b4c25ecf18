import type { ActivationRecord, ActivationResponse } from './activation.js';
import type { Json, KeyValue } from './keyvalue.js';
import type { ActionLimits } from './limits.js';

/** The color and the place of an activation. A sequence and a trigger have only the color. */
export interface RecordColor {
  readonly value: string;
  /** The invoker's name, such as `invoker0`. */
  readonly invoker?: string | undefined;
  readonly containerId?: string | undefined;
  /** Whether its container recently served the color; missing if it reached no container. */
  readonly served?: boolean | undefined;
  /** Whether it was sent to the color's home. */
  readonly hit?: boolean | undefined;
}

/**
 * The annotations of a record, except for `causedBy`, which follows from the cause. Missing fields have no annotation.
 */
export interface RecordAnnotations {
  /** For a sequence or a composition: whether it has no cause. */
  readonly topmost?: boolean | undefined;
  /** The path of the binding in the request. */
  readonly binding?: string | undefined;
  /** The document id of the action. */
  readonly path?: string | undefined;
  /** The time from the request to the start in ms. A negative value becomes 0, since clocks of hosts may differ. */
  readonly waitTime?: number | undefined;
  readonly conductor?: boolean | undefined;
  readonly kind?: string | undefined;
  /** Whether the action exceeded its time limit. */
  readonly timeout?: boolean | undefined;
  /** See `limitsAnnotation`. */
  readonly limits?: Json | undefined;
  /** The duration of `/init` in ms, if the activation initialized its container. */
  readonly initTime?: number | undefined;
  readonly color?: RecordColor | undefined;
}

/** The content of a record. Times in ms since the epoch. */
export interface RecordFacts {
  readonly activationId: string;
  readonly user: { readonly subject: string; readonly namespace: { readonly name: string } };
  readonly name: string;
  readonly version?: string | undefined;
  readonly start: number;
  /** Missing for a trigger: its record has the end 0 and no duration. */
  readonly end?: number | undefined;
  /** In ms; missing: from the start to the end. */
  readonly duration?: number | undefined;
  /** The activation that caused this one. */
  readonly cause?: string | undefined;
  readonly response: ActivationResponse;
  /** Missing: none. */
  readonly logs?: string[] | undefined;
  readonly annotations: RecordAnnotations;
}

/** Makes the record of an activation in OpenWhisk's form. The annotations of a color are an extension. */
export function activationRecord(facts: RecordFacts): ActivationRecord {
  const { user, start, end, cause } = facts;
  const annotations = annotationsOf(facts.annotations, cause !== undefined);
  // Most records have an end and no cause. A literal without spreads costs a fraction of their time.
  if (end !== undefined && cause === undefined) {
    return {
      activationId: facts.activationId,
      namespace: user.namespace.name,
      name: facts.name,
      version: facts.version ?? '0.0.1',
      subject: user.subject,
      publish: false,
      start,
      end,
      duration: facts.duration ?? end - start,
      response: facts.response,
      logs: facts.logs ?? [],
      annotations,
    };
  }
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
    annotations,
  };
}

/** The annotation `limits` of a record. `memory` and `logs` in MB, `timeout` in ms. */
export function limitsAnnotation({ concurrency, logs, memory, timeout, instances }: ActionLimits): Json {
  return { concurrency, logs, memory, timeout, ...(instances === undefined ? {} : { instances }) };
}

/** The annotations in the order of OpenWhisk's records. */
function annotationsOf(facts: RecordAnnotations, caused: boolean): KeyValue[] {
  const { waitTime, color } = facts;
  const annotations: KeyValue[] = [];
  const add = (key: string, value: Json | undefined): void => {
    if (value !== undefined) annotations.push({ key, value });
  };
  add('topmost', facts.topmost);
  // Clients know only this value, for any cause.
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
    // A hit of the cache and of the home are independent.
    add('colorHit', color.served);
    add('colorHome', color.hit);
  }
  return annotations;
}
