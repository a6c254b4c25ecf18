/** See the state machine in `ContainerPool.ts`. */
export type ContainerState =
  'creating' | 'prewarmed' | 'initializing' | 'warm' | 'pausing' | 'paused' | 'resuming' | 'draining' | 'removing';

/** What the pool's decisions know of a container. Memory in MB, times in ms since the epoch. */
export interface ContainerEntry {
  readonly id: number;
  readonly kind: string;
  readonly memoryMB: number;
  state: ContainerState;
  /** Whom it serves (action, revision, namespace); undefined for a stem cell. */
  key: string | undefined;
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
  };
}

/** Ready at once, without being resumed first. */
export function isAwake(entry: ContainerEntry): boolean {
  return entry.state === 'warm';
}

/** Who serves an activation: containers are shared by what has the same key, and by nothing else. */
export function containerKey(namespace: string, path: string, revision: string): string {
  return `${namespace}|${path}|${revision}`;
}
