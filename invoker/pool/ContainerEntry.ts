/** See the state machine in `ContainerPool.ts`. */
export type ContainerState =
  | 'creating'
  | 'prewarmed'
  | 'initializing'
  | 'warm'
  | 'pausing'
  | 'paused'
  | 'resuming'
  | 'draining'
  | 'removing';

/** The state of a container for the pool's decisions. Memory in MB, times in ms since the epoch. */
export interface ContainerEntry {
  readonly id: number;
  readonly kind: string;
  readonly memoryMB: number;
  state: ContainerState;
  /** The key of its activations: see `containerKey`. Undefined for a stem cell. */
  key: string | undefined;
  /** The namespace of its activations; undefined for a stem cell. */
  namespace: string | undefined;
  /** The limit on its concurrent activations. */
  concurrency: number;
  /** The number of its activations. */
  active: number;
  /**
   * The number of activations whose logs are still being read. The container can run the next one, but must not be
   * removed.
   */
  collecting: number;
  lastUsed: number;
  /** Whether it was started for a predicted activation that has not come yet. */
  predicted: boolean;
  /** The time at which it got its latest activation. */
  lastAssigned: number;
  /** The time at which a stem cell expires. */
  expires: number | undefined;
  /** The recently served colors, the latest one last. */
  colors: Set<string> | undefined;
  /** Its list within its group, if it has room, and its position in the list: see `WarmGroup`. */
  listed: ContainerList | undefined;
  listedColors: number;
  previous: ContainerEntry | undefined;
  next: ContainerEntry | undefined;
  /**
   * The state of its memory. `reserved`: it is created once memory is free. `held`: the engine has or creates it.
   * `leaving`: it is being removed. `freed`: its processes have ended, and the engine still removes the rest. `stuck`:
   * its removal failed and is being retried.
   */
  memory: 'reserved' | 'held' | 'leaving' | 'freed' | 'stuck';
}

/** A list of containers. */
export interface ContainerList {
  delete(entry: ContainerEntry): void;
}

export function newEntry(id: number, kind: string, memoryMB: number): ContainerEntry {
  return {
    id,
    kind,
    memoryMB,
    state: 'creating',
    key: undefined,
    namespace: undefined,
    concurrency: 1,
    active: 0,
    collecting: 0,
    lastUsed: 0,
    predicted: false,
    lastAssigned: 0,
    expires: undefined,
    colors: undefined,
    listed: undefined,
    listedColors: 0,
    previous: undefined,
    next: undefined,
    memory: 'held',
  };
}

/** Whether it can serve at once, without a resume. */
export function isAwake(entry: ContainerEntry): boolean {
  return entry.state === 'warm';
}

/** The key of a container's activations. Only activations with the same key share containers. */
export function containerKey(namespace: string, path: string, revision: string): string {
  return `${namespace}|${path}|${revision}`;
}

/** The key without the revision, since the activations of an action keep their order across revisions. */
export function flowOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|'));
}

export function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('|'));
}
