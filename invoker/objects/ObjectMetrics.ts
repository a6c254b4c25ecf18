import { Counter, Gauge, type Registry } from 'prom-client';
import type { ObjectCounts } from './messages.js';

/** The most namespaces with a label of their own. The others share one. */
const MAX_NAMESPACES = 50;
const OTHERS = 'others';

/** The metrics of the objects in the invokers of one process. */
export class ObjectMetrics {
  readonly #bytes: Gauge<'invoker'>;
  readonly #kept: Gauge<'invoker'>;
  readonly #bound: Gauge<'invoker'>;
  readonly #objects: Gauge<'invoker'>;
  readonly #waiting: Gauge<'invoker'>;
  readonly #reads: Counter<'invoker' | 'outcome'>;
  readonly #waits: Counter<'invoker' | 'outcome'>;
  readonly #elsewhere: Counter<'invoker' | 'how'>;
  readonly #evictions: Counter<'invoker' | 'namespace'>;
  readonly #refusals: Counter<'invoker'>;
  readonly #moved: Counter<'invoker' | 'with'>;
  readonly #named = new Set<string>();

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = (name: string, help: string): Gauge<'invoker'> =>
      new Gauge({ name: `invoker_objects${name}`, help, labelNames: ['invoker'], registers });
    this.#bytes = gauge('_bytes', 'Memory of objects, with bodies that are being received and sent');
    this.#kept = gauge('_kept_bytes', 'Memory of replicated objects and copies of them, which are never evicted');
    this.#bound = gauge('_bound_bytes', 'The most memory that objects may use now');
    this.#objects = gauge('', 'Objects');
    this.#waiting = gauge('_waiting', 'Requests that wait for an object');
    this.#reads = new Counter({
      name: 'invoker_objects_reads_total',
      help: 'Reads of objects, by outcome: local (from the memory of the invoker), missing',
      labelNames: ['invoker', 'outcome'],
      registers,
    });
    this.#waits = new Counter({
      name: 'invoker_objects_waits_total',
      help: 'Ended waits for objects, by outcome: met (by a change), late',
      labelNames: ['invoker', 'outcome'],
      registers,
    });
    this.#elsewhere = new Counter({
      name: 'invoker_objects_elsewhere_total',
      help: 'forwarded: requests for objects whose home is another invoker; validated: those that needed no bytes, because a copy was current; moved: objects that came from another invoker; stored: objects that came from the store',
      labelNames: ['invoker', 'how'],
      registers,
    });
    this.#evictions = new Counter({
      name: 'invoker_objects_evictions_total',
      help: 'Objects that were removed for lack of memory, by namespace',
      labelNames: ['invoker', 'namespace'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'invoker_objects_refusals_total',
      help: 'Writes that found no memory',
      labelNames: ['invoker'],
      registers,
    });
    this.#moved = new Counter({
      name: 'invoker_objects_moved_bytes_total',
      help: 'Bytes that the invoker exchanged for objects, in both directions, with: invokers (those that it asked), store',
      labelNames: ['invoker', 'with'],
      registers,
    });
  }

  /** Takes the snapshots of one invoker. Counters that begin at 0 again belong to another worker. */
  of(invoker: string): (counts: ObjectCounts) => void {
    let before: Counters = NOTHING;
    let sharedBefore: Shared = NOTHING_SHARED;
    return (counts) => {
      this.#bytes.set({ invoker }, counts.usedBytes);
      this.#kept.set({ invoker }, counts.keptBytes);
      this.#bound.set({ invoker }, counts.boundBytes);
      this.#objects.set({ invoker }, counts.objects);
      this.#waiting.set({ invoker }, counts.waits);
      const restarted = COUNTERS.some((name) => counts[name] < before[name]);
      const more = (name: keyof Counters): number => counts[name] - (restarted ? 0 : before[name]);
      this.#reads.inc({ invoker, outcome: 'local' }, more('hits'));
      this.#reads.inc({ invoker, outcome: 'missing' }, more('misses'));
      this.#waits.inc({ invoker, outcome: 'met' }, more('waitsMet'));
      this.#waits.inc({ invoker, outcome: 'late' }, more('waitsLate'));
      this.#refusals.inc({ invoker }, more('refusals'));
      const { forwarded, moved, loaded, validated, peerBytes, storeBytes } = counts.sharing;
      const shared = restarted ? NOTHING_SHARED : sharedBefore;
      this.#elsewhere.inc({ invoker, how: 'forwarded' }, Math.max(0, forwarded - shared.forwarded));
      this.#elsewhere.inc({ invoker, how: 'validated' }, Math.max(0, validated - shared.validated));
      this.#elsewhere.inc({ invoker, how: 'moved' }, Math.max(0, moved - shared.moved));
      this.#elsewhere.inc({ invoker, how: 'stored' }, Math.max(0, loaded - shared.loaded));
      this.#moved.inc({ invoker, with: 'invokers' }, Math.max(0, peerBytes - shared.peerBytes));
      this.#moved.inc({ invoker, with: 'store' }, Math.max(0, storeBytes - shared.storeBytes));
      sharedBefore = counts.sharing;
      for (const { name, evictions } of counts.evicted) {
        this.#evictions.inc({ invoker, namespace: this.#label(name) }, evictions);
      }
      before = counts;
    };
  }

  #label(namespace: string): string {
    if (!this.#named.has(namespace)) {
      if (this.#named.size >= MAX_NAMESPACES) return OTHERS;
      this.#named.add(namespace);
    }
    return namespace;
  }
}

const COUNTERS = ['hits', 'misses', 'waitsMet', 'waitsLate', 'refusals'] as const;
type Counters = Pick<ObjectCounts, (typeof COUNTERS)[number]>;
const NOTHING: Counters = { hits: 0, misses: 0, waitsMet: 0, waitsLate: 0, refusals: 0 };
type Shared = Pick<
  ObjectCounts['sharing'],
  'forwarded' | 'moved' | 'loaded' | 'validated' | 'peerBytes' | 'storeBytes'
>;
const NOTHING_SHARED: Shared = { forwarded: 0, moved: 0, loaded: 0, validated: 0, peerBytes: 0, storeBytes: 0 };
