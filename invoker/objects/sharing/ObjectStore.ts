import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectBytes } from '../memory/ObjectBytes.js';

/** A stored object. */
export interface DurableObject {
  readonly bytes: ObjectBytes;
  readonly contentType: string;
  /** With its quotes. */
  readonly etag: string;
  /** The time until it is removed, in ms; undefined: it stays. */
  readonly ttlMs: number | undefined;
}

/** What a color has in the store. */
export interface StoredColor {
  /** `many`: more than are listed. */
  readonly keys: Set<string> | 'many';
  /** The highest epoch of its objects; 0: there are none. */
  readonly epoch: number;
}

/**
 * The artifact store as the place of objects that survive everything. Rejects with an `ObjectError` 503, or 421 for a former owner.
 *
 * `epoch` is that of the owner. The store refuses reads and changes of a former owner with a lower one: a read marks the object
 * with the reader's epoch, and a removed object leaves a mark for a while.
 */
export interface ObjectStore {
  keys(namespace: ObjectNamespace, color: string): Promise<StoredColor>;
  list(namespace: ObjectNamespace, asked: ListRequest): Promise<ObjectList>;
  /** Undefined: it does not exist, or its time is over. */
  read(namespace: ObjectNamespace, address: ObjectAddress, epoch: number): Promise<DurableObject | undefined>;
  write(namespace: ObjectNamespace, address: ObjectAddress, object: DurableObject, epoch: number): Promise<void>;
  remove(namespace: ObjectNamespace, address: ObjectAddress, epoch: number): Promise<void>;
}
