import type { DurableObject, ObjectStore, StoredColor } from '../../../../../invoker/objects/sharing/ObjectStore.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';

interface Kept {
  readonly object: DurableObject;
  /** When its time is over. */
  readonly endsAt: number;
}

/** A store of all invokers of a test, which can fail and hold writes back. */
export class MapStore implements ObjectStore {
  readonly #all = new Map<string, Kept>();
  /** The epoch of each object. An object that was removed, or whose time is over, leaves a mark with its epoch. */
  readonly #epochs = new Map<string, number>();
  failing = false;
  #held: Promise<void> = Promise.resolve();

  get size(): number {
    return this.#live().length;
  }

  /** An object as it is there, without a mark of its reader. */
  look({ uuid }: ObjectNamespace, { color, key }: ObjectAddress): DurableObject | undefined {
    return this.#get(`${uuid}/${color}/${key}`);
  }

  /** Holds all operations back. @returns a function that ends this. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.#held = new Promise((resolve) => (release = resolve));
    return release;
  }

  async keys({ uuid }: ObjectNamespace, color: string): Promise<StoredColor> {
    await this.#turn();
    const prefix = `${uuid}/${color}/`;
    const known = [...this.#epochs].filter(([id]) => id.startsWith(prefix));
    const epoch = Math.max(0, ...known.map(([, one]) => one));
    return { keys: new Set(known.map(([id]) => id.slice(prefix.length))), epoch };
  }

  async list(namespace: ObjectNamespace, { color, prefix }: ListRequest): Promise<ObjectList> {
    await this.#turn();
    const place = `${namespace.uuid}/${color}/`;
    const keys = this.#live()
      .filter((id) => id.startsWith(`${place}${prefix}`))
      .map((id) => id.slice(place.length))
      .toSorted();
    const objects = keys.flatMap((key) => {
      const object = this.#get(`${namespace.uuid}/${color}/${key}`);
      if (!object) return [];
      const { bytes, contentType, etag } = object;
      return [{ key, bytes: bytes.length, contentType, etag, persistence: 'stored' as const }];
    });
    return { objects, more: false };
  }

  async read(
    { uuid }: ObjectNamespace,
    { color, key }: ObjectAddress,
    epoch: number,
  ): Promise<DurableObject | undefined> {
    await this.#turn();
    const id = `${uuid}/${color}/${key}`;
    const object = this.#get(id);
    if (this.#epochs.has(id)) this.#claim(id, epoch);
    if (!object) this.#all.delete(id);
    return object;
  }

  async write(
    { uuid }: ObjectNamespace,
    { color, key }: ObjectAddress,
    object: DurableObject,
    epoch: number,
  ): Promise<void> {
    await this.#turn();
    const id = `${uuid}/${color}/${key}`;
    this.#claim(id, epoch);
    this.#all.set(id, { object, endsAt: object.ttlMs === undefined ? Infinity : performance.now() + object.ttlMs });
  }

  async remove({ uuid }: ObjectNamespace, { color, key }: ObjectAddress, epoch: number): Promise<void> {
    await this.#turn();
    const id = `${uuid}/${color}/${key}`;
    if (this.#epochs.has(id)) this.#claim(id, epoch);
    this.#all.delete(id);
  }

  /** The ids of the objects whose time is not over. */
  #live(): string[] {
    return [...this.#all.keys()].filter((id) => this.#get(id) !== undefined);
  }

  #get(id: string): DurableObject | undefined {
    const kept = this.#all.get(id);
    const leftMs = kept ? kept.endsAt - performance.now() : 0;
    if (!kept || leftMs <= 0) return undefined;
    return kept.object.ttlMs === undefined ? kept.object : { ...kept.object, ttlMs: leftMs };
  }

  #claim(id: string, epoch: number): void {
    if ((this.#epochs.get(id) ?? 0) > epoch) throw new ObjectError(421, 'Another invoker has taken the color over.');
    this.#epochs.set(id, epoch);
  }

  async #turn(): Promise<void> {
    await this.#held;
    await new Promise(setImmediate);
    if (this.failing) throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
  }
}
