import { limitsAnnotation } from '../../shared/entities/activationRecord.js';
import type { Action } from '../../shared/entities/documents.js';
import { isTruthy, type Json } from '../../shared/entities/keyvalue.js';
import { documentId } from '../../shared/entities/names.js';
import type { ContainerImage } from '../containers/ContainerDriver.js';

/** An action as the pool runs it: what does not change from one activation to the next, worked out once. */
export interface ExecutableAction {
  /** `namespace/name` or `namespace/package/name`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** Tells one state of the action from another: a warm container serves only the state that it was initialized with. */
  readonly revision: string;
  readonly kind: string;
  readonly image: ContainerImage;
  readonly memoryMB: number;
  readonly timeoutMs: number;
  /** 0: logs are not collected. */
  readonly logsMB: number;
  /** How many activations one container takes at once. */
  readonly concurrency: number;
  /** Whether the runtime ends each activation's logs with the sentinel. */
  readonly sentinelled: boolean;
  /** Whether the action gets its caller's key. */
  readonly providesApiKey: boolean;
  /** As the record's annotation carries them. */
  readonly limits: Json;
  readonly code: string | undefined;
  readonly binary: boolean;
  readonly main: string;
}

/** What a runtime needs to run an action of a kind. */
export interface RuntimeOfKind {
  readonly image: ContainerImage;
  readonly sentinelled: boolean;
}

/** Works out how to run `action`, whose kind has that runtime. */
export function executableAction(action: Action, runtime: RuntimeOfKind): ExecutableAction {
  const { exec, limits } = action;
  return {
    path: documentId({ path: action.namespace, name: action.name }),
    name: action.name,
    version: action.version,
    revision: action._rev ?? '',
    kind: exec.kind,
    image: runtime.image,
    memoryMB: limits.memory,
    timeoutMs: limits.timeout,
    logsMB: limits.logs,
    concurrency: Math.max(1, limits.concurrency),
    sentinelled: runtime.sentinelled,
    providesApiKey: isTruthy(action.annotations, 'provide-api-key', true),
    limits: limitsAnnotation(limits),
    code: exec.code,
    binary: exec.binary ?? false,
    main: exec.main ?? 'main',
  };
}
