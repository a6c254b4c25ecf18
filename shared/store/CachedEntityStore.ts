import {
  ruleDocumentSchema,
  type Action,
  type ActionDocument,
  type PackageDocument,
  type RuleDocument,
  type TriggerDocument,
} from '../entities/documents.js';
import type { Attached, Exec } from '../entities/exec.js';
import { isJson, isObject, type JsonObject } from '../entities/keyvalue.js';
import { LargeCode } from '../entities/LargeCode.js';
import { backOff, retry } from '../process/retry.js';
import { SLICE } from '../entities/turns.js';
import {
  attachmentsOf,
  StoreUnavailableError,
  type ArtifactStore,
  type NewDocument,
  type StoredDocument,
  type ViewName,
} from './ArtifactStore.js';
import { codeOfBytes, locateCode, MAX_INLINE_BYTES, storeCode } from './code.js';
import {
  CorruptedEntityError,
  WrongEntityTypeError,
  type EntityCollection,
  type EntityReader,
  type EntityStore,
  type ListOptions,
} from './EntityStore.js';
import { deepFreeze } from './freeze.js';
import { parseEntity, type EntityDocument, type EntityType } from './parseEntity.js';
import { ReadThroughCache } from './ReadThroughCache.js';
import { staleBounds } from './staleBounds.js';
import { summariesOf } from './summariesOf.js';

const MB = 1024 * 1024;

export interface EntityCacheOptions {
  /** The approximate sizes of the caches of documents and of actions with code, in bytes. */
  readonly maxDocumentBytes?: number;
  readonly maxCodeBytes?: number;
  /** The size in bytes from which an action's code is stored as an attachment. */
  readonly maxInlineBytes?: number | undefined;
  /** The longest time in ms until another process's change is noticed if its message is lost. */
  readonly maxAgeMs?: number;
  /** The largest age of cached entities while the store does not answer, in ms. */
  readonly maxStaleMs?: number | undefined;
  readonly now?: () => number;
  /** The first delay before missing code is read again, in ms. */
  readonly missingCodeDelayMs?: number | undefined;
  /**
   * Called after each change with the document's id, to announce it to other processes. The change resolves after this
   * promise has settled. The promise never rejects.
   */
  readonly onChange?: ((id: string) => void | Promise<void>) | undefined;
}

/** Above every string of a key. */
const TOP = '\ufff0';

const VIEW: Readonly<Record<EntityCollection, ViewName>> = {
  actions: 'whisks.v2.1.0/actions',
  packages: 'whisks.v2.1.0/packages',
  triggers: 'whisks.v2.1.0/triggers',
  rules: 'whisks.v2.1.0/rules',
};

/**
 * OpenWhisk's controllers write an attachment after its document. A reader between the two tries again, first after so
 * many ms.
 */
const MISSING_CODE_RETRIES = 5;
const MISSING_CODE_DELAY_MS = 20;

/** The document of an action names an attachment that does not exist. */
class MissingCodeError extends CorruptedEntityError {}

/** The entities of a database `whisks`, cached. Returned entities are frozen. */
export class CachedEntityStore implements EntityStore {
  readonly #store: ArtifactStore;
  readonly #onChange: (id: string) => void | Promise<void>;
  readonly #maxInlineBytes: number;
  readonly #missingCodeDelayMs: number;
  readonly #documents: ReadThroughCache<EntityDocument>;
  readonly #withCode: ReadThroughCache<Action>;
  /** What the store says of the attachments of documents, by their names (CouchDB's `_attachments`). */
  readonly #stubs = new WeakMap<EntityDocument, Readonly<Record<string, unknown>>>();
  /** How documents name large code. */
  readonly #attached = new WeakMap<LargeCode, Attached>();
  /** Actions without their code: the same object as long as the document is cached. */
  readonly #withoutCode = new WeakMap<EntityDocument, Action>();

  readonly latest: EntityReader = {
    getAction: async (id) => this.#codeless(await this.#get(id, 'action', true)),
    getActionWithCode: (id) => this.#latestWithCode(id),
    getPackage: (id) => this.#get(id, 'package', true),
    getTrigger: (id) => this.#get(id, 'trigger', true),
  };

  constructor(store: ArtifactStore, options: EntityCacheOptions = {}) {
    this.#store = store;
    this.#onChange = options.onChange ?? (() => {});
    this.#maxInlineBytes = options.maxInlineBytes ?? MAX_INLINE_BYTES;
    this.#missingCodeDelayMs = options.missingCodeDelayMs ?? MISSING_CODE_DELAY_MS;
    const common = {
      maxAgeMs: options.maxAgeMs ?? 300_000,
      stale: staleBounds(options.maxStaleMs),
      now: options.now ?? (() => performance.now()),
    };
    this.#documents = new ReadThroughCache<EntityDocument>({
      ...common,
      maxWeight: options.maxDocumentBytes ?? 32 * MB,
      weigh: (document) => JSON.stringify(document).length,
    });
    this.#withCode = new ReadThroughCache<Action>({
      ...common,
      maxWeight: options.maxCodeBytes ?? 32 * MB,
      weigh: (action) => JSON.stringify({ ...action, exec: undefined }).length + weightOf(action.exec.code),
    });
  }

  /** Removes a document from the caches after another process's change. */
  invalidate(id: string): void {
    this.#documents.invalidate(id);
    this.#withCode.invalidate(id);
  }

  async getAction(id: string): Promise<Action | undefined> {
    // Each invocation reads its action: a cached one costs no further promise.
    const cached = this.#documents.peek(id);
    return this.#codeless(cached ? this.#typed(id, 'action', cached) : await this.#get(id, 'action'));
  }

  #codeless(document: ActionDocument | undefined): Action | undefined {
    if (!document) return undefined;
    const known = this.#withoutCode.get(document);
    if (known) return known;
    const { code: _, ...exec } = document.exec;
    const action = deepFreeze<Action>({ ...document, exec });
    this.#withoutCode.set(document, action);
    return action;
  }

  async getActionWithCode(id: string, revision?: string | null): Promise<Action | undefined> {
    if (revision === undefined) return this.#cachedWithCode(id);
    if (revision === null) return this.#withCode.reload(id, () => this.#readWithCode(id));
    const fresh = this.#withCode.peek(id);
    if (fresh?._rev === revision) return fresh;
    const cached = await this.#withCode.get(id, () =>
      this.#documents.peek(id)?._rev === revision ? this.#loadCode(id) : this.#readWithCode(id),
    );
    if (cached?._rev === revision) return cached;
    // The cached or concurrently read revision differs; usually it is older.
    return this.#withCode.reload(id, () => this.#readWithCode(id));
  }

  getPackage(id: string): Promise<PackageDocument | undefined> {
    return this.#get(id, 'package');
  }

  getTrigger(id: string): Promise<TriggerDocument | undefined> {
    return this.#get(id, 'trigger');
  }

  getRule(id: string): Promise<RuleDocument | undefined> {
    return this.#get(id, 'rule', true);
  }

  async putAction(action: Action): Promise<Action> {
    const { code } = action.exec;
    const kept = code instanceof LargeCode ? this.#attached.get(code) : undefined;
    const { exec, attachment } = kept
      ? { exec: { ...action.exec, code: kept }, attachment: undefined }
      : await storeCode(action.exec, this.#maxInlineBytes);
    // A store knows an attachment that a document keeps only by what it said of it itself.
    const before = kept && (await this.#store.get(action._id));
    const stubs = before && { _attachments: attachmentsOf(before) };
    const written = this.#withCode.write(action._id, async () => {
      const document = await this.#documents.write(action._id, async () => {
        const next: NewDocument & ActionDocument = { ...action, exec, ...stubs };
        const _rev = await this.#store.put(next, attachment);
        const stored = deepFreeze(copyOf({ ...action, exec, _rev }));
        const made = attachment && { [attachment.name]: { length: attachment.bytes.length, stub: true } };
        this.#stubs.set(stored, stubs?._attachments ?? made ?? {});
        return stored;
      });
      const large = attachment && this.#largeCode(action._id, attachment.name, document);
      return deepFreeze<Action>({ ...document, exec: { ...action.exec, ...(large ? { code: large } : {}) } });
    });
    return this.#notify(action._id, written);
  }

  putPackage(document: PackageDocument): Promise<PackageDocument> {
    return this.#put(document);
  }

  putTrigger(document: TriggerDocument): Promise<TriggerDocument> {
    return this.#put(document);
  }

  putRule(document: RuleDocument): Promise<RuleDocument> {
    return this.#put(document);
  }

  async delete(id: string, revision: string): Promise<boolean> {
    let found = false;
    const removed = this.#withCode.write(id, async () => {
      await this.#documents.write(id, async () => {
        found = await this.#store.delete(id, revision);
        return undefined;
      });
      return undefined;
    });
    await this.#notify(id, removed);
    return found;
  }

  async list(collection: EntityCollection, path: string, options: ListOptions): Promise<JsonObject[]> {
    const includeDocs = collection === 'rules';
    const query = { ...wholeOf(path), ...options, descending: true, includeDocs };
    const rows = await this.#store.query(VIEW[collection], query);
    // The view of rules contains only keys: a rule's summary is the rule itself.
    // Skip damaged rules, so that the others are listed.
    if (includeDocs) return rows.flatMap(({ doc }) => ruleSummary(doc ?? undefined));
    return summariesOf(rows);
  }

  count(collection: EntityCollection, path: string, skip: number): Promise<number> {
    return this.#store.count(VIEW[collection], { ...wholeOf(path), skip });
  }

  async listPublicPackages(namespace: string | undefined, options: ListOptions): Promise<JsonObject[]> {
    const view = 'whisks.v2.1.0/packages-public';
    if (namespace !== undefined) {
      const rows = await this.#store.query(view, { ...wholeOf(namespace), ...options, descending: true });
      return summariesOf(rows);
    }
    // The view sorts by namespace first.
    const rows = await this.#store.query(view, EVERY_NAMESPACE);
    const packages = summariesOf(rows);
    packages.sort((a, b) => Number(b['updated']) - Number(a['updated']));
    return packages.slice(options.skip, options.limit === 0 ? undefined : options.skip + options.limit);
  }

  countPublicPackages(namespace: string | undefined, skip: number): Promise<number> {
    const range = namespace === undefined ? EVERY_NAMESPACE : wholeOf(namespace);
    return this.#store.count('whisks.v2.1.0/packages-public', { ...range, skip });
  }

  async #get<T extends EntityType>(
    id: string,
    type: T,
    fresh = false,
  ): Promise<Extract<EntityDocument, { entityType: T }> | undefined> {
    const read = (): Promise<EntityDocument | undefined> => this.#read(id);
    return this.#typed(id, type, await (fresh ? this.#documents.refresh(id, read) : this.#documents.get(id, read)));
  }

  /** @throws WrongEntityTypeError */
  #typed<T extends EntityType>(
    id: string,
    type: T,
    document: EntityDocument | undefined,
  ): Extract<EntityDocument, { entityType: T }> | undefined {
    if (document && !hasType(document, type)) throw new WrongEntityTypeError(id, type);
    return document;
  }

  async #read(id: string): Promise<EntityDocument | undefined> {
    const document = await this.#store.get(id);
    if (!document) return undefined;
    const entity = deepFreeze(parseEntity(document));
    this.#stubs.set(entity, attachmentsOf(document));
    return entity;
  }

  #put<T extends EntityDocument>(document: T): Promise<T> {
    const written = this.#documents.write(document._id, async () => {
      const _rev = await this.#store.put(document);
      return deepFreeze(copyOf({ ...document, _rev }));
    });
    return this.#notify(document._id, written);
  }

  async #latestWithCode(id: string): Promise<Action | undefined> {
    const document = await this.#get(id, 'action', true);
    const cached = this.#withCode.peek(id);
    if (!document) {
      if (cached) this.#withCode.invalidate(id);
      return undefined;
    }
    if (cached && cached._rev !== document._rev) return this.#withCode.reload(id, () => this.#loadCode(id));
    return this.#cachedWithCode(id);
  }

  async #cachedWithCode(id: string): Promise<Action | undefined> {
    try {
      return await this.#withCode.get(id, () => this.#loadCode(id));
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // The document may be cached without its code, by an invocation.
      const document = await this.#get(id, 'action');
      const location = document && locateCode(document.exec);
      if (!document || !location || !('code' in location)) throw error;
      return deepFreeze<Action>({ ...document, exec: { ...document.exec, code: location.code } });
    }
  }

  /** Reads the action with its code from the store, not from the cache. */
  async #readWithCode(id: string): Promise<Action | undefined> {
    await this.#documents.reload(id, () => this.#read(id));
    return this.#loadCode(id);
  }

  #loadCode(id: string): Promise<Action | undefined> {
    const load = async (failures: number): Promise<Action | undefined> => {
      if (failures > 0) this.#documents.invalidate(id);
      // A stale document would be cached as a fresh action, for twice the allowed age.
      const document = this.#typed(id, 'action', await this.#documents.getFresh(id, () => this.#read(id)));
      if (!document) return undefined;
      const code = await this.#codeOf(id, document);
      return deepFreeze<Action>({ ...document, exec: { ...document.exec, code } });
    };
    return retry(load, {
      delayMs: backOff(this.#missingCodeDelayMs, Number.POSITIVE_INFINITY, MISSING_CODE_RETRIES),
      isFinal: (error) => !(error instanceof MissingCodeError),
    });
  }

  /** @throws MissingCodeError */
  async #codeOf(id: string, document: ActionDocument): Promise<Exec['code']> {
    const { exec } = document;
    const location = locateCode(exec);
    if ('code' in location) return location.code;
    const large = this.#largeCode(id, location.attachment, document);
    if (large) return large;
    const bytes = await this.#store.readAttachment(id, location.attachment);
    if (!bytes) throw new MissingCodeError(id, 'its code is missing');
    return codeOfBytes(exec, bytes);
  }

  /** The code of an attachment whose size is known, and large. */
  #largeCode(id: string, name: string, document: ActionDocument): LargeCode | undefined {
    const stubs = this.#stubs.get(document) ?? {};
    const stub = stubs[name];
    const length = isObject(stub) ? stub['length'] : undefined;
    const { code } = document.exec;
    if (typeof length !== 'number' || length <= SLICE || typeof code !== 'object') return undefined;
    const large = new LargeCode(length, () => this.#store.readAttachment(id, name));
    this.#attached.set(large, code);
    return large;
  }

  /** Announces a change to other processes, even a failed one, since it may have been stored. */
  async #notify<T>(id: string, change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      await this.#onChange(id);
    }
  }
}

/** In memory. Large code stays in the store. */
const weightOf = (code: Exec['code']): number => (typeof code === 'string' ? code.length : 0);

/** A deep copy, so that the cached document does not change with the caller's object. */
const copyOf = <T extends EntityDocument>(document: T): T => structuredClone(document);

const hasType = <T extends EntityType>(
  document: EntityDocument,
  type: T,
): document is Extract<EntityDocument, { entityType: T }> => document.entityType === type;

const wholeOf = (path: string) => ({ startKey: [path, 0], endKey: [path, TOP, TOP] }) as const;

const EVERY_NAMESPACE = { startKey: ['', 0], endKey: [TOP, TOP, TOP] } as const;

function ruleSummary(document: StoredDocument | undefined): JsonObject[] {
  const parsed = ruleDocumentSchema.safeParse(document);
  if (!parsed.success) return [];
  const { _id, _rev, entityType: _, ...fields } = parsed.data;
  const summary: unknown = fields;
  return isJson(summary) && isObject(summary) ? [summary] : [];
}
