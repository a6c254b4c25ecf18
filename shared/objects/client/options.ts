/** `memory` may vanish; `replicated` is also on another invoker; `stored` is also in the artifact store. */
export type Persistence = 'memory' | 'replicated' | 'stored';

/** The options of every call. */
export interface CallOptions {
  /** The longest time until the response, in ms. Default: 30 s, for large objects 60 s. */
  readonly timeoutMs?: number | undefined;
  /** The color policy of the invocations that use the object. Default: the one of the namespace. */
  readonly policy?: string | undefined;
}

/** The options of calls that write an object. */
export interface WriteOptions extends CallOptions {
  /** The time until the object is removed, in ms. Default: it stays. */
  readonly ttlMs?: number | undefined;
  /** Where the object is kept. Default: `memory`. */
  readonly persistence?: Persistence | undefined;
  /** The content type. Default: by the value. */
  readonly type?: string | undefined;
}

/** The options of `put`. */
export interface PutOptions extends WriteOptions {
  /** Writes only if the object has this tag. Otherwise the call rejects with status 412. */
  readonly ifMatch?: string | undefined;
  /** Writes only if there is no object. Otherwise the call rejects with status 412. */
  readonly ifAbsent?: boolean | undefined;
}

/** The options of `get`. */
export interface GetOptions extends CallOptions {
  /**
   * Makes a missing value, which is then put. Of all containers that ask at once, one calls its `load`, and the others
   * wait for the value. If it is `undefined`, nothing is put.
   */
  readonly load?: (() => unknown) | undefined;
  /** The time until the loaded value is removed, in ms. Default: it stays. */
  readonly ttlMs?: number | undefined;
  /** Where the loaded value is kept. Default: `memory`. */
  readonly persistence?: Persistence | undefined;
}

/** The options of `wait`. */
export interface WaitOptions extends CallOptions {
  /** The longest wait in ms. Default: 60 s. */
  readonly forMs?: number | undefined;
  /** Waits for another version than this tag. Default: waits until the object exists. */
  readonly since?: string | undefined;
}

/** An object with its properties. */
export interface Versioned {
  /** Bytes, text or JSON, by `type`. */
  readonly value: unknown;
  /** The tag of this version. */
  readonly etag: string;
  /** The content type. */
  readonly type: string;
  /** Where the object is kept: `memory`, `replicated` or `stored`. */
  readonly persistence: string;
}

/** An object in a list, without its value. */
export interface Listed {
  /** The key of the object. */
  readonly key: string;
  /** The size of the value, in bytes. */
  readonly bytes: number;
  /** The content type. */
  readonly contentType: string;
  /** The tag of the current version. */
  readonly etag: string;
  /** Where the object is kept: `memory`, `replicated` or `stored`. */
  readonly persistence: string;
}

/** The result of `put`. */
export interface PutResult {
  /** The tag of the new version. */
  readonly etag: string;
  /** Whether there was no object before. */
  readonly created: boolean;
}
