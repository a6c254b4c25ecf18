import type { SecureContextOptions } from 'node:tls';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { ReadCopies } from '../memory/ReadCopies.js';
import type { AskHomes } from './HomesCache.js';
import type { AskInvokers } from './noSet.js';
import type { ObjectStore } from './ObjectStore.js';

export interface SharingParts {
  /** The number of this invoker. */
  readonly instance: number;
  /** The cluster secret. */
  readonly secret: string;
  /** How other invokers are reached over https; undefined: as Node.js does by itself. */
  readonly peerTls?: SecureContextOptions | undefined;
  readonly memory: ObjectMemory;
  /** Copies of objects of other homes, in the same memory. */
  readonly copies?: ReadCopies | undefined;
  readonly askHomes: AskHomes;
  readonly askInvokers: AskInvokers;
  /** The store of objects with the persistence `stored`; undefined: there is none. */
  readonly store: ObjectStore | undefined;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly onWarning: (text: string, error: unknown) => void;
  /** See `SetCareParts`. */
  readonly careMs?: number | undefined;
}

/** Counters of an invoker's dealings with others, since its start. */
export interface SharingCounts {
  readonly forwarded: number;
  readonly adopted: number;
  readonly given: number;
  /** Objects that came from other invokers, and from the store. */
  readonly moved: number;
  readonly loaded: number;
  /** Reads of other homes' objects that needed no bytes: a copy was current. */
  readonly validated: number;
  /** The bytes of its requests to other invokers, and of their responses. */
  readonly peerBytes: number;
  /** The bytes of objects that it wrote to the store and read from it. */
  readonly storeBytes: number;
}
