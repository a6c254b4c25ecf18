import { limitsAnnotation } from '../../shared/entities/activationRecord.js';
import type { Action } from '../../shared/entities/documents.js';
import type { Exec } from '../../shared/entities/exec.js';
import { isTruthy, type Json } from '../../shared/entities/keyvalue.js';
import { documentId } from '../../shared/entities/names.js';
import type { ContainerImage } from '../containers/ContainerDriver.js';

/** An action for the pool: the properties that all its activations share, derived once. */
export interface ExecutableAction {
  /** `namespace/name` or `namespace/package/name`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** Identifies a state of the action: a warm container serves only the revision of its initialization. */
  readonly revision: string;
  readonly kind: string;
  readonly image: ContainerImage;
  readonly memoryMB: number;
  readonly timeoutMs: number;
  /** 0: logs are not collected. */
  readonly logsMB: number;
  /** The limit on concurrent activations in one container. */
  readonly concurrency: number;
  /** Whether the runtime writes a sentinel after each activation's logs. */
  readonly sentinelled: boolean;
  /** Whether the action gets its caller's API key. */
  readonly providesApiKey: boolean;
  /** The value of the record's annotation. */
  readonly limits: Json;
  readonly code: Exec['code'];
  readonly binary: boolean;
  readonly main: string;
}

/** The runtime of a kind. */
export interface RuntimeOfKind {
  readonly image: ContainerImage;
  readonly sentinelled: boolean;
}

/** Derives the executable form of `action` for the runtime of its kind. */
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
