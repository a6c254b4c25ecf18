import type { Persistence } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectBytes } from './ObjectBytes.js';

/** An object at one time. It does not change; each write makes another one. */
export interface StoredObject {
  readonly bytes: ObjectBytes;
  readonly contentType: string;
  /** With its quotes. Each write of any object in this memory gets another tag. */
  readonly etag: string;
  readonly persistence: Persistence;
  /** In ms, on the clock of the caller; undefined: it does not expire. */
  readonly expiresAt: number | undefined;
}
