import type { ObjectErrorStatus } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { Persistence } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';

/** The object of a call, and its home's policy. */
export interface CalledObject {
  readonly namespace: ObjectNamespace;
  readonly address: ObjectAddress;
  /** Undefined: the namespace's or the installation's. */
  readonly policy: string | undefined;
}

/** The properties of an object that the main thread writes. */
export interface WrittenProperties {
  readonly contentType: string;
  readonly persistence: Persistence;
  readonly ttlMs: number;
}

/** A call of the main thread to the thread of the objects. Messages with the same id belong together. */
export type CallMessage =
  | ({ readonly id: number; readonly kind: 'read'; readonly maxBytes: number } & CalledObject)
  /** After `found`: there is memory for the bytes. */
  | { readonly id: number; readonly kind: 'send' }
  /** After `found`: nobody wants the bytes any more. */
  | { readonly id: number; readonly kind: 'abandon' }
  /** After `sent`: the main thread is done with the buffer, which moves back. */
  | { readonly id: number; readonly kind: 'done'; readonly buffer: ArrayBuffer }
  /** The bytes move to the other thread. */
  | ({
      readonly id: number;
      readonly kind: 'write';
      readonly bytes: ArrayBuffer;
      readonly properties: WrittenProperties;
    } & CalledObject);

/** The reply to a call. */
export type ReplyMessage =
  /** To `read`. */
  | { readonly id: number; readonly kind: 'found'; readonly length: number; readonly contentType: string }
  /** To `send`: the buffer moves to the main thread. The object is its first bytes, as many as `found` said. */
  | { readonly id: number; readonly kind: 'sent'; readonly buffer: ArrayBuffer }
  /** To `write`: the object is as safe as its persistence promises. */
  | { readonly id: number; readonly kind: 'written' }
  /**
   * To `read` and `write`: another invoker is the color's home. To `write` also: the home is not known, or has no memory, at the moment.
   * Nothing was done. `bytes`: those of `write`.
   */
  | { readonly id: number; readonly kind: 'elsewhere'; readonly bytes: ArrayBuffer | undefined }
  | {
      readonly id: number;
      readonly kind: 'refused';
      readonly status: ObjectErrorStatus;
      readonly message: string;
      readonly retryAfterS: number | undefined;
    };
