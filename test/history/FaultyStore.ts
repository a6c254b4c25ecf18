import type { DurableObject, ObjectStore, StoredColor } from '../../invoker/objects/sharing/ObjectStore.js';
import type { ObjectAddress } from '../../shared/objects/objectPath.js';
import { ObjectError } from '../../shared/objects/ObjectError.js';
import type { ListRequest, ObjectList } from '../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';

export type StoreOperation = keyof ObjectStore;

/**
 * What becomes of an operation.
 *
 *   lost      it is not executed
 *   late      its caller has given it up. It is executed when the function that `later` gets is called
 *   unheard   it is executed, and its answer is lost
 *
 * @param afterMs so long it takes before.
 */
export type StoreFate = { readonly afterMs?: number } & (
  | { readonly kind: 'well' | 'lost' | 'unheard' }
  | { readonly kind: 'late'; readonly later: (execute: () => Promise<unknown>) => void }
);

/** The store as one invoker has it, which fails at times. */
export class FaultyStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #fate: (operation: StoreOperation, color: string) => StoreFate;
  readonly #others: (color: string) => number;
  /** The ends of the latest operations, by their object. An invoker executes its operations on an object one after the other. */
  readonly #latest = new Map<string, Promise<unknown>>();

  /**
   * @param fate of an operation on objects of a color.
   * @param others how many further objects a color seems to have.
   */
  constructor(
    store: ObjectStore,
    fate: (operation: StoreOperation, color: string) => StoreFate,
    others: (color: string) => number = () => 0,
  ) {
    this.#store = store;
    this.#fate = fate;
    this.#others = others;
  }

  async keys(namespace: ObjectNamespace, color: string): Promise<StoredColor> {
    const { keys, epoch } = await this.#run('keys', color, () => this.#store.keys(namespace, color));
    const others = this.#others(color);
    if (keys === 'many' || others === Infinity) return { keys: 'many', epoch };
    return { keys: new Set([...keys, ...Array.from({ length: others }, (_, number) => `other${number}`)]), epoch };
  }

  list(namespace: ObjectNamespace, asked: ListRequest): Promise<ObjectList> {
    return this.#run('list', asked.color, () => this.#store.list(namespace, asked));
  }

  read(namespace: ObjectNamespace, address: ObjectAddress, epoch: number): Promise<DurableObject | undefined> {
    return this.#inTurn('read', address, () => this.#store.read(namespace, address, epoch));
  }

  write(namespace: ObjectNamespace, address: ObjectAddress, object: DurableObject, epoch: number): Promise<void> {
    return this.#inTurn('write', address, () => this.#store.write(namespace, address, object, epoch));
  }

  remove(namespace: ObjectNamespace, address: ObjectAddress, epoch: number): Promise<void> {
    return this.#inTurn('remove', address, () => this.#store.remove(namespace, address, epoch));
  }

  #inTurn<T>(operation: StoreOperation, { color, key }: ObjectAddress, execute: () => Promise<T>): Promise<T> {
    const place = `${color}/${key}`;
    return this.#run(operation, color, execute, (task) => {
      const running = (this.#latest.get(place) ?? Promise.resolve()).then(task);
      this.#latest.set(
        place,
        running.catch(() => undefined),
      );
      return running;
    });
  }

  /** @param begin begins a task, as soon as it may. */
  async #run<T>(
    operation: StoreOperation,
    color: string,
    execute: () => Promise<T>,
    begin: (task: () => Promise<T>) => Promise<T> = (task) => task(),
  ): Promise<T> {
    const fate = this.#fate(operation, color);
    const { afterMs } = fate;
    const silent = (): ObjectError => new ObjectError(503, 'The store does not answer: a test', { retryAfterS: 1 });
    if (fate.kind === 'late') {
      fate.later(() => begin(execute).catch(() => undefined));
      throw silent();
    }
    return begin(async () => {
      if (afterMs !== undefined) await new Promise((resolve) => setTimeout(resolve, afterMs));
      if (fate.kind === 'lost') throw silent();
      const result = await execute();
      if (fate.kind === 'unheard') throw silent();
      return result;
    });
  }
}
