/** See the state machine in `ContainerPool.ts`. */
export type ContainerState =
  'creating' | 'prewarmed' | 'initializing' | 'warm' | 'pausing' | 'paused' | 'resuming' | 'draining' | 'removing';

/** What the pool's decisions know of a container. Memory in MB, times in ms since the epoch. */
export interface ContainerEntry {
  readonly id: number;
  readonly kind: string;
  readonly memoryMB: number;
  state: ContainerState;
  /** What it serves: see `containerKey`. Undefined for a stem cell. */
  key: string | undefined;
  /** Whose activations it serves; undefined for a stem cell. */
  namespace: string | undefined;
  /** How many activations it takes at once. */
  concurrency: number;
  /** Activations that it has. */
  active: number;
  /** Activations whose logs are still being read; their container stays, but can run the next one already. */
  collecting: number;
  lastUsed: number;
  /** When a stem cell is too old. */
  expires: number | undefined;
  /** Colors lately served, the latest at the end. */
  colors: Set<string> | undefined;
  /** The list of its group that it stands in, where it has room, and its place there: see `WarmGroup`. */
  listed: ContainerList | undefined;
  listedColors: number;
  previous: ContainerEntry | undefined;
  next: ContainerEntry | undefined;
  /**
   * How the pool's memory counts it. `reserved`: it is created once memory is free. `held`: the engine has it, or is about
   * to. `leaving`: its removal is under way. `stuck`: its removal failed, and is tried again.
   */
  memory: 'reserved' | 'held' | 'leaving' | 'stuck';
}

/** What a container can be taken out of. */
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
    expires: undefined,
    colors: undefined,
    listed: undefined,
    listedColors: 0,
    previous: undefined,
    next: undefined,
    memory: 'held',
  };
}

/** Ready at once, without being resumed first. */
export function isAwake(entry: ContainerEntry): boolean {
  return entry.state === 'warm';
}

/** What a container serves: activations with the same key share containers, others do not. */
export function containerKey(namespace: string, path: string, revision: string): string {
  return `${namespace}|${path}|${revision}`;
}

/** The key without the revision: the activations of one action keep their order, whatever its revision. */
export function flowOf(key: string): string {
  return key.slice(0, key.lastIndexOf('|'));
}

export function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('|'));
}
