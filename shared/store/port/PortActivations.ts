import type { ActivationRecord } from '../../entities/activation.js';
import type { JsonObject } from '../../entities/keyvalue.js';
import type { Calls, Remote } from '../../threads/Calls.js';
import type { ActivationFilter, ActivationStore } from '../ActivationStore.js';
import type { BatchingActivationStore } from '../BatchingActivationStore.js';

interface ListOptions {
  readonly skip: number;
  readonly limit: number;
}

/** The functions of the thread that stores the records. */
type ActivationServices = {
  readonly storeRecord: (record: ActivationRecord) => Promise<void>;
  readonly getRecord: (namespace: string, activationId: string) => Promise<ActivationRecord | undefined>;
  readonly listRecords: (
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions,
  ) => Promise<ActivationRecord[]>;
  readonly listSummaries: (namespace: string, filter: ActivationFilter, options: ListOptions) => Promise<JsonObject[]>;
  readonly countRecords: (namespace: string, filter: ActivationFilter, skip: number) => Promise<number>;
  readonly readyForRecords: () => Promise<void>;
};

/** The function of the other side: whether there is room for more records, and whether `ready` would resolve at once. */
type RoomServices = {
  readonly room: (free: boolean, ready: boolean) => void;
};

/** The longest time until the other side knows that new work must be refused, or may be accepted again, in ms. */
const CHECK_MS = 1000;

/**
 * Makes activation records available to the other side of `calls`.
 * @param refuses whether new work must be refused, such as on a full disk.
 * @returns ends it.
 */
export function serveActivations(
  calls: Calls,
  activations: Pick<BatchingActivationStore, 'store' | 'get' | 'list' | 'count' | 'ready' | 'room'>,
  refuses: () => boolean,
): () => void {
  const other = calls.to<RoomServices>();
  let told = 'true true';
  const tell = (): void => {
    const room = activations.room();
    const free = room === undefined;
    const ready = free && !refuses();
    if (`${free} ${ready}` !== told) {
      told = `${free} ${ready}`;
      other.tell('room', free, ready);
    }
    void room?.then(tell);
  };
  calls.serve({
    storeRecord: (record) => {
      const stored = activations.store(record);
      tell();
      return stored;
    },
    getRecord: (namespace, activationId) => activations.get(namespace, activationId),
    listRecords: (namespace, filter, options) => activations.list(namespace, filter, { ...options, docs: true }),
    listSummaries: (namespace, filter, options) => activations.list(namespace, filter, { ...options, docs: false }),
    countRecords: (namespace, filter, skip) => activations.count(namespace, filter, skip),
    readyForRecords: () => activations.ready(),
  } satisfies ActivationServices);
  const timer = setInterval(tell, CHECK_MS).unref();
  return () => clearInterval(timer);
}

/** The activation records of the other side of `calls`, which calls `serveActivations`. */
export class PortActivations implements ActivationStore {
  readonly #remote: Remote<ActivationServices>;
  #ready = true;
  /** Pending while there is no room for more records. */
  #full: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(calls: Calls) {
    this.#remote = calls.to<ActivationServices>();
    calls.serve({ room: (free, ready) => this.#note(free, ready) } satisfies RoomServices);
  }

  store(record: ActivationRecord): Promise<void> {
    // Records are stored in batches some time later: a few ms more make no difference.
    return this.#remote.callCalmly('storeRecord', record);
  }

  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return this.#remote.call('getRecord', namespace, activationId);
  }

  /** Asks the other side only if work would not be accepted at once. */
  ready(): Promise<void> {
    return this.#ready ? READY : this.#remote.call('readyForRecords');
  }

  /** Resolves when there is room for more records, without a time limit; undefined: there is room. */
  room(): Promise<void> | undefined {
    return this.#full?.promise;
  }

  list(
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions & { readonly docs: false },
  ): Promise<JsonObject[]>;
  list(
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions & { readonly docs: true },
  ): Promise<ActivationRecord[]>;
  list(
    namespace: string,
    filter: ActivationFilter,
    { docs, ...options }: ListOptions & { readonly docs: boolean },
  ): Promise<JsonObject[] | ActivationRecord[]> {
    return this.#remote.call(docs ? 'listRecords' : 'listSummaries', namespace, filter, options);
  }

  count(namespace: string, filter: ActivationFilter, skip: number): Promise<number> {
    return this.#remote.call('countRecords', namespace, filter, skip);
  }

  #note(free: boolean, ready: boolean): void {
    this.#ready = ready;
    if (free) {
      this.#full?.resolve();
      this.#full = undefined;
    } else if (!this.#full) {
      let resolve = (): void => {};
      const promise = new Promise<void>((settle) => (resolve = settle));
      this.#full = { promise, resolve };
    }
  }
}

/** One resolved promise for all calls of `ready`. */
const READY = Promise.resolve();
