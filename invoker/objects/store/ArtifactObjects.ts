import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import {
  DocumentConflictError,
  type ArtifactStore,
  type NewDocument,
  type StoredDocument,
} from '../../../shared/store/ArtifactStore.js';
import { TaskLimit } from '../../containers/TaskLimit.js';

/** An object in the store, with its bytes. */
export interface ArtifactObject {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly etag: string;
  /** The time until it is removed, in ms; undefined: it stays. */
  readonly ttlMs: number | undefined;
}

const fieldsSchema = z.object({
  paletteObject: z.object({
    key: z.string(),
    bytes: z.number(),
    contentType: z.string(),
    etag: z.string(),
    /** In ms since the epoch. */
    expiresAt: z.number().optional(),
    /** Of the owner that has written or read it last. Missing: 0. */
    epoch: z.number().optional(),
    /** The object was removed: a mark for its former owners. */
    removed: z.boolean().optional(),
  }),
});
type Fields = z.infer<typeof fieldsSchema>['paletteObject'];

const ATTACHMENT = 'object';
/** The most keys of a color to remember. */
const MAX_KEYS = 10_000;
/** The most objects of a color to read for a list. A list is in the order of keys, and documents are not. */
const MAX_SCANNED = 100_000;
const PAGE = 500;
/** The most pages of documents to read for a list, marks and objects whose time is over included. */
const MAX_PAGES = 400;
/** The most pages to read at a time for the keys of colors, and for lists. Both read their pages by turns. */
const CONCURRENT_PAGES = 2;
/** The most lists that wait or are under way. */
const MAX_LISTS = 64;
/** How long the mark of a removed object stays, in ms. */
const MARK_MS = 300_000;
/** The most attempts to mark an object with an epoch while another invoker writes it. */
const MAX_CLAIMS = 5;
/** The most documents whose time is over that a list removes, and the most of them at a time. */
const MAX_SWEPT = 5000;
const SWEPT_AT_ONCE = 20;
/** The most operations on objects at a time. */
const CONCURRENT = 4;
/** The most operations on objects that wait or are under way, and the most searches for keys. */
const MAX_OPEN = 10_000;
/** The most bytes that wait to be written; one object may exceed it. */
const MAX_OPEN_BYTES = 256 * 1024 * 1024;

/**
 * Objects with the persistence `stored`: a document with an attachment for each, in the database of entities. Its id
 * begins with a hash of namespace and color, so that the objects of a color are neighbours.
 *
 * Each document has the epoch of the owner that wrote it or read it last. Writes of an owner with a lower epoch are
 * refused: it was frozen or cut off, and another invoker is the owner now. The check and the write are one step, since
 * the store refuses a revision that is not the latest one.
 */
export class ArtifactObjects {
  readonly #store: ArtifactStore;
  readonly #now: () => number;
  /** By namespace, so that the many operations of one do not hold up the others. */
  readonly #operations = new TaskLimit(CONCURRENT);
  /** The ends of the latest operations, by the id of their object. They never reject. */
  readonly #latest = new Map<string, Promise<void>>();
  readonly #maxKeys: number;
  readonly #maxScanned: number;
  readonly #maxPages: number;
  readonly #maxLists: number;
  readonly #maxOpen: number;
  /** Apart, so that the first requests of new colors do not wait for lists. */
  readonly #keyPages = new TaskLimit(CONCURRENT_PAGES);
  readonly #listPages = new TaskLimit(CONCURRENT_PAGES);
  #openKeys = 0;
  #openLists = 0;
  #open = 0;
  #openBytes = 0;

  /** @param now ms since the epoch. */
  constructor(
    store: ArtifactStore,
    now: () => number,
    {
      maxKeys = MAX_KEYS,
      maxScanned = MAX_SCANNED,
      maxPages = MAX_PAGES,
      maxLists = MAX_LISTS,
      maxOpen = MAX_OPEN,
    } = {},
  ) {
    this.#store = store;
    this.#now = now;
    this.#maxKeys = maxKeys;
    this.#maxScanned = maxScanned;
    this.#maxPages = maxPages;
    this.#maxLists = maxLists;
    this.#maxOpen = maxOpen;
  }

  /**
   * The keys of a color, also those of objects that were removed, or had ended, a short time ago: a write of a former owner may still come
   * late. The present ones come first if there are too many.
   * @throws ObjectError 503 if too much waits for the store.
   */
  async keys(namespace: ObjectNamespace, color: string): Promise<StoredKeys> {
    if (this.#openKeys >= this.#maxOpen) throw tooMuchWaits();
    const live: string[] = [];
    const gone: string[] = [];
    const noteIn = (keys: string[]) => {
      return ({ key }: Fields): void => {
        if (keys.length <= this.#maxKeys) keys.push(key);
      };
    };
    this.#openKeys++;
    try {
      const { epoch, end } = await this.#scan(prefixOf(namespace, color), this.#keyPages, noteIn(live), noteIn(gone));
      if (end !== 'all' || live.length > this.#maxKeys) return { keys: 'many', epoch };
      return { keys: [...live, ...gone].slice(0, this.#maxKeys), epoch };
    } finally {
      this.#openKeys--;
    }
  }

  /**
   * @throws ObjectError 413 if the color has too many objects to list; 503 if too many of its objects were removed just
   * before, or if too many lists wait for the store.
   */
  async list(namespace: ObjectNamespace, asked: ListRequest): Promise<ObjectList> {
    if (this.#openLists >= this.#maxLists) {
      throw new ObjectError(503, 'The store is slow, and too many lists wait for it.', { retryAfterS: 5 });
    }
    this.#openLists++;
    try {
      return await this.#list(namespace, asked);
    } finally {
      this.#openLists--;
    }
  }

  async #list(namespace: ObjectNamespace, { color, prefix, after, limit }: ListRequest): Promise<ObjectList> {
    let first: Fields[] = [];
    let more = false;
    const shorten = (): void => {
      if (first.length <= limit) return;
      more = true;
      first = first.toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
    };
    const { end } = await this.#scan(prefixOf(namespace, color), this.#listPages, (fields) => {
      const { key } = fields;
      if (!key.startsWith(prefix) || (after !== undefined && key <= after)) return;
      first.push(fields);
      if (first.length >= limit + PAGE) shorten();
    });
    if (end === 'too many pages') {
      const text =
        'The color has too many objects in the store that were removed, or had ended, a short time ago: try again later.';
      throw new ObjectError(503, text, { retryAfterS: MARK_MS / 1000 });
    }
    if (end === 'too many objects') {
      const most = this.#maxScanned.toLocaleString('en');
      throw new ObjectError(413, `The color has more than ${most} stored objects, the most that can be listed.`);
    }
    shorten();
    const objects = first
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, bytes, contentType, etag }) => ({ key, bytes, contentType, etag, persistence: 'stored' as const }));
    return { objects, more };
  }

  /** Reads an object for its owner, and marks it with the owner's epoch. @throws ObjectError 503 for a former owner */
  read(namespace: ObjectNamespace, address: ObjectAddress, epoch: number): Promise<ArtifactObject | undefined> {
    const id = idOf(namespace, address);
    return this.#inTurn(namespace, id, 0, async () => {
      const fields = await this.#claim(id, epoch);
      if (!fields || fields.removed === true) return undefined;
      const { contentType, etag, expiresAt } = fields;
      const bytes = fields.bytes === 0 ? new Uint8Array() : await this.#store.readAttachment(id, ATTACHMENT);
      if (!bytes) throw new ObjectError(503, 'The store has lost the bytes of the object.');
      return { bytes, contentType, etag, ttlMs: expiresAt === undefined ? undefined : expiresAt - this.#now() };
    });
  }

  /** @throws ObjectError 503 for a former owner, or if another invoker writes the object at the same time. */
  write(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    { bytes, contentType, etag, ttlMs }: ArtifactObject,
    epoch: number,
  ): Promise<void> {
    const _id = idOf(namespace, address);
    return this.#inTurn(namespace, _id, bytes.length, async () => {
      const before = await this.#store.get(_id);
      if (before) requireCurrent(fieldsOf(before), epoch);
      const paletteObject: Fields = {
        key: address.key,
        bytes: bytes.length,
        contentType,
        etag,
        epoch,
        ...(ttlMs === undefined ? {} : { expiresAt: Math.ceil(this.#now() + ttlMs) }),
      };
      const document = { _id, ...(before ? { _rev: before._rev } : {}), paletteObject };
      // CouchDB parses the type of an attachment: the object's own one is in the document.
      const attachment = { name: ATTACHMENT, contentType: 'application/octet-stream', bytes };
      await this.#store.put(document, bytes.length === 0 ? undefined : attachment).catch(conflicts);
    });
  }

  /** Removes an object. A mark with the epoch stays for a while. @throws ObjectError 503 as `write` does */
  remove(namespace: ObjectNamespace, { color, key }: ObjectAddress, epoch: number): Promise<void> {
    const _id = idOf(namespace, { color, key });
    return this.#inTurn(namespace, _id, 0, async () => {
      const before = await this.#store.get(_id);
      if (!before) return;
      requireCurrent(fieldsOf(before), epoch);
      const paletteObject = this.#markOf({ key }, epoch);
      await this.#store.put({ _id, _rev: before._rev, paletteObject } as NewDocument).catch(conflicts);
    });
  }

  /**
   * Runs an operation on an object after the earlier ones on it. Its owner may have given an earlier one up, because the
   * store was slow: that one must not replace a later one.
   * @throws ObjectError 503 if too much waits for the store.
   */
  async #inTurn<T>({ uuid }: ObjectNamespace, id: string, bytes: number, operation: () => Promise<T>): Promise<T> {
    const full = this.#openBytes > 0 && this.#openBytes + bytes > MAX_OPEN_BYTES;
    if (full || this.#open >= this.#maxOpen) throw tooMuchWaits();
    this.#open++;
    this.#openBytes += bytes;
    const running = (this.#latest.get(id) ?? Promise.resolve()).then(() => this.#operations.run(operation, uuid));
    const over = (): void => undefined;
    const end = running.then(over, over);
    this.#latest.set(id, end);
    try {
      return await running;
    } finally {
      this.#open--;
      this.#openBytes -= bytes;
      if (this.#latest.get(id) === end) this.#latest.delete(id);
    }
  }

  /**
   * The fields of an object, once it is marked with the epoch. If its time is over, a mark with the epoch stays in its place for a while.
   */
  async #claim(id: string, epoch: number): Promise<Fields | undefined> {
    for (let attempt = 1; ; attempt++) {
      const document = await this.#store.get(id);
      if (!document) return undefined;
      const fields = fieldsOf(document);
      requireCurrent(fields, epoch);
      try {
        if (this.#isRemovable(fields)) {
          await this.#store.delete(id, document._rev);
          return undefined;
        }
        if (this.#isOver(fields)) {
          await this.#store.put({
            _id: id,
            _rev: document._rev,
            paletteObject: this.#markOf(fields, epoch),
          } as NewDocument);
          return undefined;
        }
        if ((fields.epoch ?? 0) < epoch) {
          await this.#store.put({ ...document, paletteObject: { ...fields, epoch } } as NewDocument);
        }
        return fields;
      } catch (error) {
        if (!(error instanceof DocumentConflictError) || attempt === MAX_CLAIMS) conflicts(error);
      }
    }
  }

  /**
   * Reads the objects of a color, a page at a time. Removes documents whose time was over some time ago.
   * @param limit what the reads and removals of documents wait for.
   * @param visitGone gets the marks of removed objects, and the objects whose time is over, until their documents are removed.
   * @returns the highest epoch, and why the scan has ended.
   */
  async #scan(
    prefix: string,
    limit: TaskLimit,
    visit: (fields: Fields) => void,
    visitGone: (fields: Fields) => void = () => undefined,
  ): Promise<Scanned> {
    let [epoch, live, swept] = [0, 0, 0];
    let after = prefix;
    for (let pages = 0; pages < this.#maxPages; pages++) {
      const page = await limit.run(() => this.#store.listDocuments(after, PAGE));
      const own = page.filter(({ _id }) => _id.startsWith(prefix));
      const over: StoredDocument[] = [];
      for (const document of own) {
        const fields = fieldsOf(document);
        epoch = Math.max(epoch, fields.epoch ?? 0);
        if (this.#isRemovable(fields)) over.push(document);
        else if (fields.removed === true || this.#isOver(fields)) visitGone(fields);
        else {
          live++;
          visit(fields);
        }
      }
      const sweeping = over.slice(0, MAX_SWEPT - swept);
      swept += sweeping.length;
      await this.#sweep(sweeping, limit);
      if (live > this.#maxScanned) return { epoch, end: 'too many objects' };
      const last = own.length < PAGE ? undefined : own.at(-1);
      if (!last) return { epoch, end: 'all' };
      after = last._id;
    }
    return { epoch, end: 'too many pages' };
  }

  /** Deletes documents in these revisions: an object may have been written anew in the place of an old one. */
  async #sweep(documents: readonly StoredDocument[], limit: TaskLimit): Promise<void> {
    for (let at = 0; at < documents.length; at += SWEPT_AT_ONCE) {
      await limit.run(() =>
        Promise.all(
          documents.slice(at, at + SWEPT_AT_ONCE).map(({ _id, _rev }) =>
            this.#store.delete(_id, _rev).catch((error: unknown) => {
              if (!(error instanceof DocumentConflictError)) throw error;
            }),
          ),
        ),
      );
    }
  }

  #isOver({ expiresAt }: Fields): boolean {
    return expiresAt !== undefined && expiresAt <= this.#now();
  }

  /** Whether nothing needs a document any more. An object whose time is over stays as long as a mark. */
  #isRemovable({ expiresAt, removed }: Fields): boolean {
    return expiresAt !== undefined && expiresAt + (removed === true ? 0 : MARK_MS) <= this.#now();
  }

  /** The mark in the place of an object: it refuses writes of former owners. */
  #markOf({ key }: Pick<Fields, 'key'>, epoch: number): Fields {
    return { key, bytes: 0, contentType: '', etag: '', epoch, removed: true, expiresAt: this.#now() + MARK_MS };
  }
}

/** The end of a scan. */
interface Scanned {
  /** The highest one of the documents. */
  readonly epoch: number;
  readonly end: 'all' | 'too many objects' | 'too many pages';
}

/** What a color has in the store: see `StoredColor`. */
export interface StoredKeys {
  readonly keys: readonly string[] | 'many';
  readonly epoch: number;
}

const fieldsOf = (document: StoredDocument): Fields => fieldsSchema.parse(document).paletteObject;

const tooMuchWaits = (): ObjectError =>
  new ObjectError(503, 'The store is slow, and too much waits for it.', { retryAfterS: 5 });

/** @throws ObjectError 421 for a former owner */
function requireCurrent(fields: Fields, epoch: number): void {
  if ((fields.epoch ?? 0) <= epoch) return;
  throw new ObjectError(421, 'Another invoker has taken the color over.');
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 40);

const prefixOf = ({ uuid }: ObjectNamespace, color: string): string => `objects/${hash(`${uuid}\n${color}`)}/`;

const idOf = (namespace: ObjectNamespace, { color, key }: ObjectAddress): string =>
  `${prefixOf(namespace, color)}${hash(key)}`;

function conflicts(error: unknown): never {
  if (!(error instanceof DocumentConflictError)) throw error;
  throw new ObjectError(503, 'Another invoker writes the object.', { retryAfterS: 1, cause: error });
}
