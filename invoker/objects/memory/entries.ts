import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import { RecencyList, type Recent } from './RecencyList.js';
import { isKept } from './objectRules.js';
import type { StoredObject } from './StoredObject.js';
import type { Evictable } from './victims.js';

/** The objects of a namespace. */
export class Namespace {
  readonly uuid: string;
  readonly name: string;
  readonly colors = new Map<string, Map<string, Entry>>();
  /** The objects that may be evicted. */
  readonly recency = new RecencyList<Entry>();
  limitBytes: number | undefined;
  /** The memory of objects, reservations and removed objects that are being sent. */
  usedBytes = 0;
  /** The part of it that is never evicted: see `Entry.kept`. */
  keptBytes = 0;
  /** The part of the reservations for which there was no room: see `Room.make`. */
  beyondBytes = 0;
  objects = 0;
  reservations = 0;
  evictions = 0;

  constructor(uuid: string, name: string) {
    this.uuid = uuid;
    this.name = name;
  }
}

/** An object at its place. Each write makes another entry. */
export class Entry implements Evictable, Recent<Entry> {
  readonly place: string;
  readonly address: ObjectAddress;
  readonly owner: Namespace;
  readonly object: StoredObject;
  readonly cost: number;
  /** Whether it is never evicted: it is a replicated object, or the copy of one. */
  readonly kept: boolean;
  usedAt: number;
  /** Its memory is counted until it is removed and no response holds it. */
  holds = 0;
  removed = false;
  older: Entry | undefined = undefined;
  newer: Entry | undefined = undefined;

  constructor(
    place: string,
    address: ObjectAddress,
    owner: Namespace,
    object: StoredObject,
    cost: number,
    usedAt: number,
  ) {
    this.place = place;
    this.address = address;
    this.owner = owner;
    this.object = object;
    this.cost = cost;
    this.kept = isKept(object.persistence);
    this.usedAt = usedAt;
  }
}
