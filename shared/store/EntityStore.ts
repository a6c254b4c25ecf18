import type { Action, PackageDocument, RuleDocument, TriggerDocument } from '../entities/documents.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { StoreError } from './ArtifactStore.js';

export type EntityCollection = 'actions' | 'packages' | 'triggers' | 'rules';

export interface ListOptions {
  readonly skip: number;
  /** 0: no limit. */
  readonly limit: number;
}

/** Reads entities by their ids. The methods are those of `EntityStore`. */
export type EntityReader = Pick<EntityStore, 'getAction' | 'getPackage' | 'getTrigger'> & {
  getActionWithCode(id: string): Promise<Action | undefined>;
};

/**
 * The entities of the database `whisks`, typed and cached: a second `get` of an unchanged entity costs no round trip.
 * Ids are document ids (`namespace/name`, `namespace/package/name`). Callers must not change documents. Every `get`
 * resolves to undefined if the document does not exist.
 */
export interface EntityStore {
  /**
   * Reads the store instead of the cache, and returns the cached entity only while the store does not answer. The API reads
   * and changes entities by it: another controller may have answered a change just now, and its message comes later.
   * Invocations read the cache.
   */
  readonly latest: EntityReader;
  /** The action without its code. @throws WrongEntityTypeError */
  getAction(id: string): Promise<Action | undefined>;
  /**
   * The action with its code at hand, or as a `LargeCode` that reads it. An invoker names the revision that it was
   * asked to run: a cached action of another revision is then read again (the newest is what comes, whatever its
   * revision), and with null it is never taken from the cache. The same object is given out as long as the action is
   * cached and unchanged.
   * @throws WrongEntityTypeError
   */
  getActionWithCode(id: string, revision?: string | null): Promise<Action | undefined>;
  /** @throws WrongEntityTypeError */
  getPackage(id: string): Promise<PackageDocument | undefined>;
  /** @throws WrongEntityTypeError */
  getTrigger(id: string): Promise<TriggerDocument | undefined>;
  /**
   * Always reads the store: rules are read seldom, and changes must be seen at once.
   * @throws WrongEntityTypeError
   */
  getRule(id: string): Promise<RuleDocument | undefined>;

  /**
   * Writes an entity: a new one, or with `_rev` the successor of that revision. Stores an action's code inline or as an
   * attachment. Resolves to the entity with its new `_rev`.
   * @throws DocumentConflictError
   */
  putAction(action: Action): Promise<Action>;
  putPackage(document: PackageDocument): Promise<PackageDocument>;
  putTrigger(document: TriggerDocument): Promise<TriggerDocument>;
  putRule(document: RuleDocument): Promise<RuleDocument>;
  /** Deletes an entity. Resolves to false if it does not exist. @throws DocumentConflictError */
  delete(id: string, revision: string): Promise<boolean>;

  /**
   * The summaries of a namespace's entities from the views (for actions also of `namespace/package`), the newest first.
   */
  list(collection: EntityCollection, path: string, options: ListOptions): Promise<JsonObject[]>;
  /** The number of entities after `skip`. */
  count(collection: EntityCollection, path: string, skip: number): Promise<number>;
  /** The published packages of all namespaces or of one, the newest first. */
  listPublicPackages(namespace: string | undefined, options: ListOptions): Promise<JsonObject[]>;
  countPublicPackages(namespace: string | undefined, skip: number): Promise<number>;
}

/** The document has another type, such as a package instead of an action. The API responds 409. */
export class WrongEntityTypeError extends Error {
  override readonly name = 'WrongEntityTypeError';
  constructor(id: string, expected: string) {
    super(`document ${id} is not of type ${expected}`);
  }
}

/** The document is not an entity or is damaged. The API responds 500. */
export class CorruptedEntityError extends StoreError {
  override readonly name = 'CorruptedEntityError';
  /** The invalid field and its error. */
  readonly detail: string;
  constructor(id: string, detail: string) {
    super(`document ${id} is damaged: ${detail}`);
    this.detail = detail;
  }
}
