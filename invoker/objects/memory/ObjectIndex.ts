import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { Namespace, type Entry } from './entries.js';
import { isExpired } from './objectRules.js';

/** The objects by namespace, color and key. */
export class ObjectIndex {
  readonly #namespaces = new Map<string, Namespace>();
  #size = 0;

  /** The number of objects. */
  get size(): number {
    return this.#size;
  }

  /** The namespaces with objects, or with memory for them. */
  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#namespaces;
  }

  find(uuid: string, { color, key }: ObjectAddress): Entry | undefined {
    return this.#namespaces.get(uuid)?.colors.get(color)?.get(key);
  }

  /** The objects of a color by key. */
  color(uuid: string, color: string): ReadonlyMap<string, Entry> {
    return this.#namespaces.get(uuid)?.colors.get(color) ?? NO_KEYS;
  }

  /** The namespace with its current limit. One that has nothing is to be forgotten: see `forgetEmpty`. */
  owner({ uuid, name, limitBytes }: ObjectNamespace): Namespace {
    let owner = this.#namespaces.get(uuid);
    if (!owner) this.#namespaces.set(uuid, (owner = new Namespace(uuid, name)));
    owner.limitBytes = limitBytes;
    return owner;
  }

  /** Forgets a namespace without objects and without memory for them. */
  forgetEmpty({ uuid, usedBytes, objects, reservations }: Namespace): void {
    if (usedBytes === 0 && objects === 0 && reservations === 0) this.#namespaces.delete(uuid);
  }

  add(entry: Entry): void {
    const { owner, address } = entry;
    let keys = owner.colors.get(address.color);
    if (!keys) owner.colors.set(address.color, (keys = new Map<string, Entry>()));
    keys.set(address.key, entry);
    if (!entry.kept) owner.recency.add(entry);
    owner.objects++;
    this.#size++;
    this.#namespaces.set(owner.uuid, owner);
  }

  remove(entry: Entry): void {
    const { owner, address } = entry;
    const keys = owner.colors.get(address.color);
    keys?.delete(address.key);
    if (keys?.size === 0) owner.colors.delete(address.color);
    if (!entry.kept) owner.recency.remove(entry);
    owner.objects--;
    this.#size--;
  }

  /** The colors that have objects. */
  colors(): { readonly namespace: ObjectNamespace; readonly color: string }[] {
    return [...this.#namespaces.values()].flatMap(({ uuid, name, limitBytes, colors }) =>
      [...colors.keys()].map((color) => ({ namespace: { uuid, name, limitBytes }, color })),
    );
  }
}

/** The objects of a color by prefix, in the order of their keys' UTF-16 units. */
export function listed(
  entries: ReadonlyMap<string, Pick<Entry, 'object'>>,
  { prefix, after, limit }: Pick<ListRequest, 'prefix' | 'after' | 'limit'>,
  now: number,
): ObjectList {
  let keys: string[] = [];
  let more = false;
  // The default order compares UTF-16 units.
  const keepFirst = (): void => {
    keys.sort();
    more ||= keys.length > limit;
    keys = keys.slice(0, limit);
  };
  let end: string | undefined;
  for (const [key, { object }] of entries) {
    if (!key.startsWith(prefix) || (after !== undefined && key <= after) || isExpired(object, now)) continue;
    if (end !== undefined && key > end) continue;
    keys.push(key);
    // The order of all keys of a large color would take long, for each page again.
    if (keys.length < 2 * limit) continue;
    keepFirst();
    end = keys.at(-1);
  }
  keepFirst();
  const objects = keys.flatMap((key) => {
    const object = entries.get(key)?.object;
    if (!object) return [];
    const { bytes, contentType, etag, persistence } = object;
    return [{ key, bytes: bytes.length, contentType, etag, persistence }];
  });
  return { objects, more };
}

const NO_KEYS: ReadonlyMap<string, Entry> = new Map();
