import type { ObjectAddress } from './objectPath.js';

/** How long an object lives: see docs/decisions/0015. */
export const PERSISTENCES = ['memory', 'replicated', 'stored'] as const;
export type Persistence = (typeof PERSISTENCES)[number];

/** The header that names a policy for the color, as for invocations. */
export const POLICY_HEADER = 'x-openwhisk-color-policy';
export const PERSISTENCE_HEADER = 'x-palette-persistence';
/** The seconds until the object is removed, at most three decimal places. */
export const TTL_HEADER = 'x-palette-ttl';

/**
 * What must hold before a change. `absent`: there is no object (`If-None-Match: *`). `present`: there is one
 * (`If-Match: *`). `tags`: it has one of these tags (`If-Match`).
 */
export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'tags'; readonly tags: readonly string[] };

/** The tags of an `If-None-Match`: `any` for `*`. */
export type KnownTags = 'any' | readonly string[];

/** The properties of a write besides its bytes. */
export interface WriteOptions {
  readonly condition: Condition | undefined;
  /** Undefined: the one of the existing object, else `memory`. */
  readonly persistence: Persistence | undefined;
  /** The time until the object is removed, in ms. Undefined: it stays (`PUT`), or keeps its time (`POST`). */
  readonly ttlMs: number | undefined;
  /** Undefined: the one of the existing object for `POST`, else `application/octet-stream`. */
  readonly contentType: string | undefined;
}

interface Addressed {
  readonly address: ObjectAddress;
  /** The color policy that the caller names; undefined: the namespace's or the installation's. */
  readonly policy: string | undefined;
}

export interface GetRequest extends Addressed {
  readonly kind: 'get';
  /** Whether only the headers are wanted. */
  readonly head: boolean;
  readonly known: KnownTags | undefined;
  /** How long to wait for the object, or for another tag than the known ones, in ms; 0: not at all. */
  readonly waitMs: number;
}

export interface PutRequest extends Addressed, WriteOptions {
  readonly kind: 'put';
}

export interface AppendRequest extends Addressed, WriteOptions {
  readonly kind: 'append';
}

export interface IncrementRequest extends Addressed, WriteOptions {
  readonly kind: 'increment';
  /** Undefined: the body is the number; an empty one is 1. */
  readonly by: number | undefined;
}

export interface DeleteRequest extends Addressed {
  readonly kind: 'delete';
  readonly condition: Condition | undefined;
}

export interface ListRequest {
  readonly kind: 'list';
  readonly color: string;
  readonly policy: string | undefined;
  readonly prefix: string;
  /** The list begins after this key. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A parsed request, without its namespace and its body. */
export type ObjectRequest = GetRequest | PutRequest | AppendRequest | IncrementRequest | DeleteRequest | ListRequest;

/** The color of a request. */
export const colorOfRequest = (request: ObjectRequest): string =>
  request.kind === 'list' ? request.color : request.address.color;

/** An object in a list. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly etag: string;
  readonly persistence: Persistence;
}

/** The body of the response to a list. `more`: whether keys follow; `after` with the last key continues. */
export interface ObjectList {
  readonly objects: readonly ListedObject[];
  readonly more: boolean;
}
