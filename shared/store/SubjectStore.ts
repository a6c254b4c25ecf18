import * as z from 'zod';
import { comparerOf } from '../access/sameSecret.js';
import { userLimitsSchema, type Identity } from '../entities/identity.js';
import { quantity, writeBytes } from '../runtimes/quantities.js';
import { StoreError, type ArtifactStore, type ViewRow } from './ArtifactStore.js';
import type { AuthStore } from './AuthStore.js';
import { deepFreeze } from './freeze.js';
import { ReadThroughCache } from './ReadThroughCache.js';
import { staleBounds } from './staleBounds.js';

export interface SubjectCacheOptions {
  /** The longest time until a changed key, limit or block is noticed, in ms. */
  readonly maxAgeMs?: number;
  /** The largest age of cached identities while the store does not answer, in ms. */
  readonly maxStaleMs?: number | undefined;
  /** The most cached namespaces and keys. */
  readonly maxEntries?: number;
  readonly now?: () => number;
}

/** A namespace's key with its identity. */
interface Credentials {
  /** Whether a text is the key. Takes the same time for each text. */
  readonly isKey: (text: string) => boolean;
  readonly identity: Identity;
}

/** The rights of every subject. */
const ALL_RIGHTS = ['READ', 'PUT', 'DELETE', 'ACTIVATE'];

const IDENTITIES = 'subjects.v2.0.0/identities';
const TOP = '\ufff0';

const rowSchema = z.object({ namespace: z.string(), uuid: z.string(), key: z.string() });
const wholeNumber = z.int().optional();
const amount = z.int().min(0).optional();
const size = quantity(writeBytes).optional();

/**
 * The limits document of a namespace, without `_id` and `_rev`. Each activation message contains the limits, and
 * OpenWhisk's invokers refuse messages with unknown limits.
 */
const limitsSchema = z.preprocess(
  withoutNulls,
  userLimitsSchema
    .extend({
      minActionMemory: amount,
      maxActionMemory: amount,
      minActionLogs: amount,
      maxActionLogs: amount,
      minActionTimeout: wholeNumber,
      maxActionTimeout: wholeNumber,
      minActionConcurrency: wholeNumber,
      maxActionConcurrency: wholeNumber,
      maxParameterSize: size,
      maxPayloadSize: size,
      truncationSize: size,
    })
    .strip(),
);

/** Removes null limits, which count as not set, as in OpenWhisk. */
function withoutNulls(document: unknown): unknown {
  if (typeof document !== 'object' || document === null) return {};
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null));
}

/** The shortest interval of reads for a wrong key of a known uuid, in ms: the key may be new. */
const REFRESH_AFTER_MS = 1000;

/** The database `subjects`, cached by the first half of the key and by namespace. Returned identities are frozen. */
export class SubjectStore implements AuthStore {
  readonly #store: ArtifactStore;
  readonly #now: () => number;
  readonly #byUuid: ReadThroughCache<{ readonly since: number; readonly credentials: readonly Credentials[] }>;
  readonly #byNamespace: ReadThroughCache<Identity>;

  constructor(store: ArtifactStore, options: SubjectCacheOptions = {}) {
    this.#store = store;
    this.#now = options.now ?? (() => performance.now());
    const bounds = {
      maxAgeMs: options.maxAgeMs ?? 10_000,
      maxWeight: options.maxEntries ?? 10_000,
      weigh: () => 1,
      stale: staleBounds(options.maxStaleMs),
      now: this.#now,
    };
    this.#byUuid = new ReadThroughCache(bounds);
    this.#byNamespace = new ReadThroughCache(bounds);
  }

  identityByKey(uuid: string, key: string): Promise<Identity | undefined> {
    // Each request comes here: a cached key costs one promise.
    const cached = this.#byUuid.peek(uuid)?.credentials;
    const only = cached?.length === 1 ? cached[0] : undefined;
    return only?.isKey(key) ? Promise.resolve(only.identity) : this.#identityByKey(uuid, key);
  }

  async #identityByKey(uuid: string, key: string): Promise<Identity | undefined> {
    const load = () => this.#loadCredentials(uuid);
    const known = this.#byUuid.peek(uuid) ?? (await this.#byUuid.get(uuid, load));
    if (!known) return undefined;
    const identity = matching(uuid, key, known.credentials);
    if (identity || this.#now() - known.since < REFRESH_AFTER_MS) return identity;
    const fresh = await this.#byUuid.reload(uuid, load);
    return fresh && matching(uuid, key, fresh.credentials);
  }

  identityByNamespace(namespace: string): Promise<Identity | undefined> {
    return this.#byNamespace.get(namespace, async () => {
      const range = { startKey: [namespace], endKey: [namespace] };
      const rows = await this.#store.query(IDENTITIES, { ...range, includeDocs: true, limit: 1 });
      return rows[0] && credentialsOf(rows[0]).identity;
    });
  }

  /** The names of namespaces that may not run actions: blocked, or with a limit of 0. */
  async blockedNamespaces(): Promise<Set<string>> {
    const rows = await this.#store.query('namespaceThrottlings/blockedNamespaces', { startKey: '', endKey: TOP });
    return new Set(rows.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])));
  }

  /**
   * Reads all keys with this uuid. The second half is not part of the query: it is compared later, in constant time.
   */
  async #loadCredentials(uuid: string) {
    const since = this.#now();
    const range = { startKey: [uuid], endKey: [uuid, TOP] };
    const rows = await this.#store.query(IDENTITIES, { ...range, includeDocs: true });
    // A namespace may have the same name as the uuid. Its row has a key of one part.
    const credentials = rows.filter((row) => Array.isArray(row.key) && row.key.length === 2).map(credentialsOf);
    return credentials.length === 0 ? undefined : { since, credentials };
  }
}

/** The identity of a key. @throws StoreError if several subjects have the same key. */
function matching(uuid: string, key: string, credentials: readonly Credentials[]): Identity | undefined {
  const found = credentials.filter((candidate) => candidate.isKey(key));
  if (found.length > 1) throw new StoreError(`the uuid ${uuid} is not unique`);
  return found[0]?.identity;
}

function credentialsOf(row: ViewRow): Credentials {
  const value = rowSchema.safeParse(row.value);
  if (!value.success) throw new StoreError(`subject ${row.id} is damaged`);
  const { namespace, uuid, key } = value.data;
  const limits = limitsSchema.safeParse(row.doc);
  const identity: Identity = {
    subject: row.id,
    namespace: { name: namespace, uuid },
    authkey: { api_key: `${uuid}:${key}` },
    rights: ALL_RIGHTS,
    // As in OpenWhisk, invalid limits count as not set.
    limits: limits.success ? limits.data : {},
  };
  return { isKey: comparerOf(key), identity: deepFreeze(identity) };
}
