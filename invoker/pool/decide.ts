import { isAwake, type ContainerEntry } from './ContainerEntry.js';
import type { ContainerTable } from './ContainerTable.js';

/*
 * The pool's decisions, as pure functions of its `ContainerTable` and a request.
 */

/** The container that an activation needs. */
export interface ContainerRequest {
  /** The key of the container: see `containerKey`. */
  readonly key: string;
  readonly namespace: string;
  readonly kind: string;
  readonly memoryMB: number;
  readonly color: string | undefined;
  /** The most containers of the key. Missing: no limit. */
  readonly instances?: number | undefined;
}

/**
 * Where to run an activation. `warm`: in this container, which serves the key or is being initialized for it; `wake` is
 * the color's paused home, to be resumed for later activations. `stemCell`: in this stem cell. `cold`: in a new
 * container, created after the removal of those in `evict`. `wait`: there is no room now. `limited`: the action has as
 * many containers as it may have, and none of them has room. `never`: the activation exceeds the whole pool.
 */
export type ContainerPlacement<E extends ContainerEntry> =
  | { readonly kind: 'warm'; readonly entry: E; readonly wake?: E }
  | { readonly kind: 'stemCell'; readonly entry: E }
  | { readonly kind: 'cold'; readonly evict: readonly E[] }
  | { readonly kind: 'wait' }
  | { readonly kind: 'limited' }
  | { readonly kind: 'never' };

/** A placement that starts the activation now. */
export type Decision<E extends ContainerEntry> = Exclude<ContainerPlacement<E>, { kind: 'wait' | 'limited' }>;

/**
 * Decides where an activation runs. In this order: the container with room that last served its color; the one with the
 * fewest colors; one that is being initialized and will have room; a stem cell of its kind and memory, ready or being
 * created; a new container in free memory or in the memory of idle containers. An awake container comes before a paused
 * one, even before the paused home, so that a color never causes a wait. That case is rare, since homes are not paused
 * while their action is in use (`dueContainers`).
 */
export function place<E extends ContainerEntry>(
  table: ContainerTable<E>,
  request: ContainerRequest,
  now: number,
): ContainerPlacement<E> {
  const warm = placeWarm(table, request);
  if (warm) return warm;
  if (isLimited(table, request)) return LIMITED;
  const cell = readiest(table.stemCells(request.kind, request.memoryMB));
  if (cell) return { kind: 'stemCell', entry: cell };
  if (request.memoryMB > table.capacityMB) return { kind: 'never' };
  const missing = table.committedMB + request.memoryMB - table.mostMB(request.memoryMB);
  if (missing <= 0) return { kind: 'cold', evict: [] };
  const evict = evictions(table, missing, now, request);
  return evict.length === 0 ? { kind: 'wait' } : { kind: 'cold', evict };
}

/**
 * Where to prepare one more container in advance: in a stem cell, or in free memory. It evicts nothing. Undefined: the key
 * has `wanted` containers, or there is no room.
 */
export function placeInAdvance<E extends ContainerEntry>(
  table: ContainerTable<E>,
  request: ContainerRequest,
  wanted: number,
): (ContainerPlacement<E> & { kind: 'stemCell' | 'cold' }) | undefined {
  const most = Math.min(wanted, request.instances ?? Infinity);
  if (table.containersOf(request.key) >= most) return undefined;
  const cell = readiest(table.stemCells(request.kind, request.memoryMB));
  if (cell) return { kind: 'stemCell', entry: cell };
  return table.fits(request.memoryMB) ? { kind: 'cold', evict: [] } : undefined;
}

/** Whether the action has as many containers as it may have. */
function isLimited(table: ContainerTable<ContainerEntry>, { key, instances }: ContainerRequest): boolean {
  return instances !== undefined && table.containersOf(key) >= instances;
}

/** Whether a container of the key has room, or the limit allows another one. */
export function mayStart<E extends ContainerEntry>(table: ContainerTable<E>, request: ContainerRequest): boolean {
  return !isLimited(table, request) || placeWarm(table, request) !== undefined;
}

/** Decides where an activation runs without a new container; undefined if no container of its key has room. */
export function placeWarm<E extends ContainerEntry>(
  table: ContainerTable<E>,
  request: ContainerRequest,
): (ContainerPlacement<E> & { kind: 'warm' }) | undefined {
  const group = table.group(request.key);
  if (!group) return undefined;
  const home = request.color === undefined ? undefined : group.home(request.color);
  if (home && isAwake(home)) return { kind: 'warm', entry: home };
  const other = group.fewestColors();
  if (home && other && isAwake(other)) return { kind: 'warm', entry: other, wake: home };
  const entry = home ?? other ?? first(group.starting);
  return entry && { kind: 'warm', entry };
}

/**
 * The idle containers to remove to free at least `missing` MB for a request: none if all of them are not enough, and
 * never more than needed. Stem cells are last. A namespace beyond its share does not evict containers that a namespace
 * within its share recently used: otherwise each invocation of the latter would wait for a new container.
 */
export function evictions<E extends ContainerEntry>(
  table: ContainerTable<E>,
  missing: number,
  now: number,
  request: Pick<ContainerRequest, 'namespace' | 'memoryMB'>,
): E[] {
  const idle = [...table.all].filter((entry) => isIdle(entry) || entry.state === 'prewarmed');
  const spared = idle.length === 0 ? NONE : sparedNamespaces(table, now, request);
  const candidates = idle
    .filter(
      ({ namespace, lastUsed }) => namespace === undefined || !spared.has(namespace) || now - lastUsed >= SPARE_MS,
    )
    .toSorted((a, b) => compareStemCell(a, b) || compareIdle(a, b, now));
  let freed = candidates.reduce((sum, { memoryMB }) => sum + memoryMB, 0);
  if (freed < missing) return [];
  // The most valuable ones are at the end: each stays if the memory of the others is enough.
  const chosen: E[] = [];
  for (const entry of candidates.toReversed()) {
    if (freed - entry.memoryMB >= missing) freed -= entry.memoryMB;
    else chosen.push(entry);
  }
  return chosen.toReversed();
}

/** The time after its use in which a container is spared, if its namespace is within its share. */
const SPARE_MS = 10_000;

/**
 * The namespaces whose recently used containers are not evicted for the request. None if the request's namespace stays
 * within its share; otherwise the other namespaces within their share. The namespaces that used a container in the last
 * `SPARE_MS`, and the request's own, share the pool's memory equally.
 */
function sparedNamespaces(
  table: ContainerTable<ContainerEntry>,
  now: number,
  request: Pick<ContainerRequest, 'namespace' | 'memoryMB'>,
): ReadonlySet<string> {
  const recent = new Set([request.namespace]);
  for (const { namespace, active, collecting, lastUsed, state } of table.all) {
    if (namespace === undefined || state === 'removing') continue;
    if (active > 0 || collecting > 0 || now - lastUsed < SPARE_MS) recent.add(namespace);
  }
  const shareMB = table.capacityMB / recent.size;
  if (table.memoryOf(request.namespace) + request.memoryMB <= shareMB) return NONE;
  recent.delete(request.namespace);
  for (const namespace of recent) if (table.memoryOf(namespace) > shareMB) recent.delete(namespace);
  return recent;
}

/** Whether a warm or paused container has neither activations nor unread logs. */
export function isIdle(entry: ContainerEntry): boolean {
  return entry.active === 0 && entry.collecting === 0 && (entry.state === 'warm' || entry.state === 'paused');
}

/**
 * The order in which idle containers are removed: the least recently used first. Among containers with a similar idle
 * time (within a factor of two), the one with the fewest colors comes first, since fewer colors lose their home.
 * Without colors this is the order of last use.
 */
export function compareIdle(a: ContainerEntry, b: ContainerEntry, now: number): number {
  return idleClass(b, now) - idleClass(a, now) || colors(a) - colors(b) || a.lastUsed - b.lastUsed || a.id - b.id;
}

/** Whether an idle container is not needed any longer; undefined: that is not known, and the fixed time decides. */
export type IsOver = (entry: ContainerEntry, now: number) => boolean | undefined;

export interface SweepTimes {
  /** The idle time after which a container is paused. */
  readonly pauseGraceMs: number;
  /** The idle time after the pause after which it is removed. */
  readonly idleContainerMs: number;
}

/**
 * The idle containers to pause or to remove now, the least valuable first. A container with colors stays awake while
 * another container of its action is in use, so that it is ready for activations of its colors.
 * @param isOver decides on removals instead of the fixed time where it knows.
 */
export function dueContainers<E extends ContainerEntry>(
  table: ContainerTable<E>,
  times: SweepTimes,
  now: number,
  isOver?: IsOver,
): { pause: E[]; remove: E[]; expired: E[] } {
  const pause: E[] = [];
  const remove: E[] = [];
  const expired: E[] = [];
  for (const entry of table.all) {
    if (entry.state === 'prewarmed') {
      if (entry.expires !== undefined && entry.expires <= now) expired.push(entry);
    } else if (isIdle(entry)) {
      const idle = now - entry.lastUsed;
      const over = isOver?.(entry, now) ?? idle >= times.pauseGraceMs + times.idleContainerMs;
      if (over) remove.push(entry);
      else if (entry.state === 'warm' && idle >= times.pauseGraceMs && !isNeeded(table, entry, times, now))
        pause.push(entry);
    }
  }
  pause.sort((a, b) => compareIdle(a, b, now));
  remove.sort((a, b) => compareIdle(a, b, now));
  expired.sort((a, b) => Number(a.expires) - Number(b.expires));
  return { pause, remove, expired };
}

/**
 * The idle containers to remove so that others get their memory, the least valuable first: those that are idle for so
 * long that they are paused or due to be.
 * @param missingMB the memory to free; the last container may free more.
 */
export function removableFor<E extends ContainerEntry>(
  table: ContainerTable<E>,
  missingMB: number,
  { pauseGraceMs }: SweepTimes,
  now: number,
): E[] {
  const chosen: E[] = [];
  let freed = 0;
  const candidates = [...table.all].filter((entry) => isIdle(entry) && now - entry.lastUsed >= pauseGraceMs);
  for (const entry of candidates.toSorted((a, b) => compareIdle(a, b, now))) {
    if (freed >= missingMB) break;
    chosen.push(entry);
    freed += entry.memoryMB;
  }
  return chosen;
}

function isNeeded<E extends ContainerEntry>(
  table: ContainerTable<E>,
  entry: E,
  { pauseGraceMs }: SweepTimes,
  now: number,
): boolean {
  const group = entry.colors?.size ? table.group(entry.key ?? '') : undefined;
  return group !== undefined && (group.active > 0 || now - group.lastUsed < pauseGraceMs);
}

/** The number of stem cells of a kind and memory, from the runtimes manifest. */
export interface StemCellPlan {
  readonly initialCount: number;
  /** Follows the demand: adds `increment` for each `threshold` cold starts in the last interval, within bounds. */
  readonly reactive?:
    | {
        readonly minCount: number;
        readonly maxCount: number;
        readonly ttlMs: number;
        readonly threshold: number;
        readonly increment: number;
      }
    | undefined;
}

/**
 * The wanted number of stem cells: the plan's initial count, or the number for the cold starts of the last interval
 * (undefined: the first interval has not ended).
 */
export function wantedStemCells({ initialCount, reactive }: StemCellPlan, coldStarts: number | undefined): number {
  if (coldStarts === undefined || !reactive) return initialCount;
  const grown = Math.floor(coldStarts / reactive.threshold) * reactive.increment;
  return Math.min(Math.max(reactive.minCount, grown), reactive.maxCount);
}

/** A ready stem cell, or else the one that will be ready first. */
function readiest<E extends ContainerEntry>(cells: ReadonlySet<E>): E | undefined {
  let first: E | undefined;
  for (const cell of cells) {
    if (cell.state === 'prewarmed') return cell;
    first ??= cell;
  }
  return first;
}

const NONE: ReadonlySet<string> = new Set();

const LIMITED = { kind: 'limited' } as const;

function first<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}

const colors = (entry: ContainerEntry): number => entry.colors?.size ?? 0;

/** The class of a container's idle time: 0 for less than a second, and 1 more for each doubling. */
function idleClass(entry: ContainerEntry, now: number): number {
  return 32 - Math.clz32(Math.max(0, now - entry.lastUsed) / 1000);
}

function compareStemCell(a: ContainerEntry, b: ContainerEntry): number {
  return Number(a.state === 'prewarmed') - Number(b.state === 'prewarmed');
}
