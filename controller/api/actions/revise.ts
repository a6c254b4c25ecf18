import { mergeParameters } from '../../invocation/parameters.js';
import { nextVersion } from '../../http/fields.js';
import type { Limits } from '../../../shared/config/limits.js';
import type { Action } from '../../../shared/entities/documents.js';
import { SEQUENCE, type Exec } from '../../../shared/entities/exec.js';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';
import type { ActionLimits } from '../../../shared/entities/limits.js';
import type { ActionBody } from './actionBody.js';

/** The annotation that puts the caller's API key into the action's environment. New actions get the value `false`. */
const PROVIDE_API_KEY = 'provide-api-key';
const FIRST_VERSION = '0.0.1';

export interface NewActionDefaults {
  readonly limits: Limits;
  /** Whether the action gets the API key only if it has the annotation. */
  readonly requireApiKeyAnnotation: boolean;
}

/** Makes a new action. `path` is `namespace` or `namespace/package`; `now` in ms since the epoch. */
export function newAction(
  path: string,
  name: string,
  body: ActionBody & { readonly exec: Exec },
  { limits, requireApiKeyAnnotation }: NewActionDefaults,
  now: number,
): Action {
  const { exec } = body;
  const annotations = body.annotations ?? [];
  const settled = !requireApiKeyAnnotation || annotations.some((a) => a.key === PROVIDE_API_KEY);
  return {
    _id: `${path}/${name}`,
    entityType: 'action',
    namespace: path,
    name,
    exec,
    parameters: exec.kind === SEQUENCE ? sequenceParameters(exec) : [...(body.parameters ?? [])],
    limits: withDefaults(body.limits, {
      timeout: limits.timeout.std,
      memory: limits.memory.std,
      logs: limits.logs.std,
      concurrency: limits.concurrency.std,
    }),
    version: body.version ?? FIRST_VERSION,
    publish: body.publish ?? false,
    annotations: mergeParameters(settled ? annotations : [...annotations, { key: PROVIDE_API_KEY, value: false }], [
      execAnnotation(exec),
    ]),
    updated: now,
  };
}

/** The action after an update. Missing fields keep their value. `old` must include its code if the body has no code. */
export function revisedAction(old: Action, body: ActionBody, now: number): Action {
  const exec = body.exec ?? old.exec;
  const removed = new Set(body.delAnnotations ?? []);
  const kept = removed.size === 0 ? old.annotations : old.annotations.filter((a) => !removed.has(a.key));
  return {
    _id: old._id,
    _rev: old._rev,
    entityType: 'action',
    namespace: old.namespace,
    name: old.name,
    exec,
    parameters: revisedParameters(old, body),
    limits: withDefaults(body.limits, old.limits),
    version: body.version ?? nextVersion(old.version),
    publish: body.publish ?? old.publish,
    annotations: mergeParameters(mergeParameters(kept, body.annotations ?? []), [execAnnotation(exec)]),
    updated: now,
  };
}

/** A sequence keeps its components as parameters; they are removed if the kind changes. */
function revisedParameters(old: Action, body: ActionBody): KeyValue[] {
  const wasSequence = old.exec.kind === SEQUENCE;
  if (body.exec) {
    if (body.exec.kind === SEQUENCE) return sequenceParameters(body.exec);
    return [...(body.parameters ?? (wasSequence ? [] : old.parameters))];
  }
  return wasSequence ? old.parameters : [...(body.parameters ?? old.parameters)];
}

const sequenceParameters = (exec: Exec): KeyValue[] => [{ key: '_actions', value: [...(exec.components ?? [])] }];

/** Lists of actions omit `exec`, so clients read the kind from this annotation. */
const execAnnotation = (exec: Exec): KeyValue => ({ key: 'exec', value: exec.kind });

function withDefaults(given: ActionBody['limits'], fallback: ActionLimits): ActionLimits {
  const instances = given?.instances ?? fallback.instances;
  return {
    timeout: given?.timeout ?? fallback.timeout,
    memory: given?.memory ?? fallback.memory,
    logs: given?.logs ?? fallback.logs,
    concurrency: given?.concurrency ?? fallback.concurrency,
    ...(instances === undefined ? {} : { instances }),
  };
}
