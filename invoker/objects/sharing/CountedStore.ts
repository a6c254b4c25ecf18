import type { DurableObject, ObjectStore } from './ObjectStore.js';

/** A store that counts the bytes of the objects that are written to it and read from it. */
export class CountedStore implements ObjectStore {
  readonly #store: ObjectStore;
  #bytes = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** In both directions, without those of failed writes. */
  get bytes(): number {
    return this.#bytes;
  }

  keys(...asked: Parameters<ObjectStore['keys']>): ReturnType<ObjectStore['keys']> {
    return this.#store.keys(...asked);
  }

  list(...asked: Parameters<ObjectStore['list']>): ReturnType<ObjectStore['list']> {
    return this.#store.list(...asked);
  }

  async read(...asked: Parameters<ObjectStore['read']>): Promise<DurableObject | undefined> {
    const object = await this.#store.read(...asked);
    this.#bytes += object?.bytes.length ?? 0;
    return object;
  }

  async write(...[namespace, address, object, epoch]: Parameters<ObjectStore['write']>): Promise<void> {
    await this.#store.write(namespace, address, object, epoch);
    this.#bytes += object.bytes.length;
  }

  remove(...asked: Parameters<ObjectStore['remove']>): Promise<void> {
    return this.#store.remove(...asked);
  }
}
