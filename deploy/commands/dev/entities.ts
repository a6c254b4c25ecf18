import { createHash } from 'node:crypto';
import type { JsonObject, KeyValue } from '../../../shared/entities/keyvalue.js';

/** The collections of entities, in the order in which they are deployed: later ones name earlier ones. */
export const COLLECTIONS = ['packages', 'actions', 'triggers', 'rules'] as const;
export type Collection = (typeof COLLECTIONS)[number];

/** An entity that a folder describes. */
export interface Entity {
  readonly collection: Collection;
  /** `name`, or `package/name`. */
  readonly name: string;
  /** The body of its `PUT`. */
  readonly body: JsonObject;
  /** The file or folder of an action's code. */
  readonly source?: string | undefined;
  /** The feed of a trigger, and its parameters. */
  readonly feed?: { readonly action: string; readonly parameters: readonly KeyValue[] } | undefined;
}

/** Why a part of a folder cannot be deployed. */
export interface Fault {
  /** The file, relative to the folder, and the line if it is known: `src/hello.js:3`. */
  readonly file: string;
  /** The reason and the remedy. */
  readonly reason: string;
}

export const keyOf = ({ collection, name }: Pick<Entity, 'collection' | 'name'>): string => `${collection}/${name}`;

/** A hash of all that is deployed of an entity. */
export function hashOf({ body, feed }: Entity): string {
  return createHash('sha256')
    .update(JSON.stringify([body, feed ?? null]))
    .digest('hex');
}

export const keyValueJson = ({ key, value }: KeyValue): JsonObject => ({ key, value });
