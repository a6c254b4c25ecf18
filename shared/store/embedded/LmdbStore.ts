import { createHash, hash } from 'node:crypto';
import type { Database, RootDatabase } from 'lmdb';
import * as z from 'zod';
import type { Json } from '../../entities/keyvalue.js';
import { randomHex } from '../../entities/randomHex.js';
import { nextTurn, SLICE } from '../../entities/turns.js';
import {
  attachmentsOf,
  DocumentConflictError,
  StoreError,
  type ArtifactStore,
  type Attachment,
  type ManyWritten,
  type NewDocument,
  type StoredDocument,
  type ViewKey,
  type ViewName,
  type ViewQuery,
  type ViewRow,
} from '../ArtifactStore.js';
import type { Commits } from './Commits.js';
import { spaceFor } from './FileSpace.js';
import { VIEWS, VIEWS_OF, type DatabaseName } from '../views.js';
import { AFTER_ALL, encodeId, encodeViewKey } from './keys.js';
import { documentOf, readDocument, readRow } from './stored.js';

type Text = Database<string, Buffer>;
type Bytes = Database<Buffer, Buffer>;

/** A row of a view, as it is written. */
interface Row {
  readonly key: Buffer;
  readonly row: string;
}

/** A document with its rows, as they are written. */
interface Encoded {
  readonly id: Buffer;
  readonly revision: string;
  readonly text: string;
  readonly rows: readonly Row[];
}

/** To be increased when the rows of views change. Then the indexes on disk are rebuilt. */
const INDEX_VERSION = '3';
const COUNT_CHUNK = 10_000;
const REBUILD_CHUNK = 200;
/** Pages of trees that a write of a document changes: one for itself, and one for each row, which may be split. */
const WRITTEN_PAGES = 12;
/** Those of a document that is removed: documents are removed in the order of some of their rows. */
const REMOVED_PAGES = 4;
/** Larger batches take several transactions: a server with a nearly full disk has space for one of them. */
const PART_BYTES = 4 * 1024 * 1024;
const REMOVED_AT_ONCE = 200;

/**
 * A database in an LMDB environment: documents as JSON text by id, the rows of views by sortable key, and attachments.
 * A write changes all three in one transaction and resolves once it is durable. LMDB groups waiting transactions.
 */
export class LmdbStore implements ArtifactStore {
  readonly #root: RootDatabase<string, Buffer>;
  readonly #documents: Text;
  readonly #rows: Text;
  readonly #attachments: Bytes;
  readonly #views: readonly ViewName[];
  readonly #commits: Commits;
  #open = true;

  private constructor(root: RootDatabase<string, Buffer>, name: DatabaseName, commits: Commits) {
    this.#root = root;
    this.#commits = commits;
    this.#documents = root.openDB(name, { keyEncoding: 'binary', encoding: 'string' });
    this.#rows = root.openDB(`${name}/views`, { keyEncoding: 'binary', encoding: 'string' });
    this.#attachments = root.openDB(`${name}/attachments`, { keyEncoding: 'binary', encoding: 'binary' });
    this.#views = VIEWS_OF[name];
  }

  /** Opens the database `name`. Rebuilds indexes of another version. */
  static async open(root: RootDatabase<string, Buffer>, name: DatabaseName, commits: Commits): Promise<LmdbStore> {
    const store = new LmdbStore(root, name, commits);
    const versionKey = Buffer.from(`indexes of ${name}`);
    if (root.get(versionKey) !== INDEX_VERSION) {
      await store.#rebuildRows();
      await commits.durable(
        () => spaceFor(1, 0, WRITTEN_PAGES),
        () => root.put(versionKey, INDEX_VERSION),
      );
    }
    return store;
  }

  // The methods are async, so that synchronous errors of LMDB (a full disk, a closed store) become rejections.

  async get(id: string): Promise<StoredDocument | undefined> {
    this.#checkOpen();
    return this.#read(id);
  }

  async put(document: NewDocument, attachment?: Attachment): Promise<string> {
    const digest = attachment && `md5-${await md5(attachment.bytes)}`;
    const early = attachment && (await this.#putEarly(document._id, attachment));
    const space = (): number => {
      const inline = early ? 0 : (attachment?.bytes.length ?? 0);
      const rows = this.#rowsOf(document).reduce((sum, row) => sum + rowBytes(row), 0);
      return spaceFor(1, inline + Buffer.byteLength(JSON.stringify(document)) + rows, WRITTEN_PAGES);
    };
    const revision = await this.#write(space, () => {
      const current = this.#read(document._id);
      if (current?._rev !== document._rev) return undefined;
      this.#dropAttachmentsExcept(current, document);
      const others = keptAttachments(current, document);
      if (!attachment)
        return this.#replace(current, others ? ({ ...document, _attachments: others } as NewDocument) : document);
      const { name, contentType, bytes } = attachment;
      const revpos = generation(document._rev) + 1;
      const stub = { content_type: contentType, revpos, digest, length: bytes.length, stub: true };
      const key = attachmentKey(document._id, name);
      if (!early) void this.#attachments.put(key, asBuffer(bytes));
      const attachments = { ...others, [name]: stub };
      return this.#replace(current, { ...document, _attachments: attachments } as NewDocument);
    });
    if (revision === undefined) {
      if (early)
        void this.#commits
          .done(
            () => spaceFor(1, 0, REMOVED_PAGES),
            () => this.#attachments.remove(early),
          )
          .catch(() => undefined);
      throw new DocumentConflictError(document._id);
    }
    return revision;
  }

  /**
   * Stores a large attachment before its document. LMDB then copies it in its own thread; inside of a transaction the
   * copy blocks the process. Nothing refers to it until the document is stored; if the process is killed before that,
   * its space is lost. @returns its key, or undefined if it has to be stored together with the document.
   */
  async #putEarly(id: string, { name, bytes }: Attachment): Promise<Buffer | undefined> {
    const key = attachmentKey(id, name);
    // An attachment with this name belongs to a document that may remain.
    if (bytes.length <= SLICE || this.#attachments.doesExist(key)) return undefined;
    this.#checkOpen();
    const space = (): number => spaceFor(1, bytes.length, WRITTEN_PAGES);
    await this.#commits.done(space, () => this.#attachments.put(key, asBuffer(bytes)));
    return key;
  }

  async putMany(documents: readonly NewDocument[]): Promise<ManyWritten> {
    if (documents.length === 0) return { conflicts: [], refused: [] };
    this.#checkOpen();
    const written: boolean[] = [];
    // The next part waits for this one, so that all need the space of one.
    while (written.length < documents.length) {
      let part: Encoded[] = [];
      const space = (): number => {
        part = this.#encodePart(documents, written.length);
        return spaceOf(part);
      };
      written.push(...(await this.#commits.durable(space, () => this.#putNew(part))));
    }
    return { conflicts: documents.flatMap(({ _id }, i) => (written[i] ? [] : [_id])), refused: [] };
  }

  /** The documents from `from` on that share a transaction: as many as `PART_BYTES` suffice for, and one at least. */
  #encodePart(documents: readonly NewDocument[], from: number): Encoded[] {
    const part: Encoded[] = [];
    let space = 0;
    for (const document of from === 0 ? documents : documents.slice(from)) {
      const entry = this.#encodeNew(document);
      space += spaceOf([entry]) - spaceOf([]);
      if (part.length > 0 && space > PART_BYTES) break;
      part.push(entry);
    }
    return part;
  }

  /**
   * Writes documents that do not exist, with their rows, in one transaction. LMDB's own thread looks for existing documents and
   * changes the pages; in a transaction with a callback, this thread would do it. @returns for each whether it was written
   */
  async #putNew(entries: readonly Encoded[]): Promise<boolean[]> {
    const written: Promise<boolean>[] = [];
    const batch = this.#root.batch(() => {
      for (const { id, text, rows } of entries) {
        const put = this.#documents.ifNoExists(id, () => {
          void this.#documents.put(id, text);
          for (const { key, row } of rows) void this.#rows.put(key, row);
        });
        written.push(put);
      }
    });
    const [ends] = await Promise.all([Promise.all(written), batch]);
    return ends;
  }

  async delete(id: string, revision: string): Promise<boolean> {
    const outcome = await this.#write(
      () => spaceFor(1, 0, WRITTEN_PAGES),
      () => {
        const current = this.#read(id);
        if (!current) return 'missing';
        if (current._rev !== revision) return 'conflict';
        this.#erase(current);
        return 'deleted';
      },
    );
    if (outcome === 'conflict') throw new DocumentConflictError(id);
    return outcome === 'deleted';
  }

  async deleteMany(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    let deleted = 0;
    for (let n = 0; n < ids.length; n += REMOVED_AT_ONCE)
      deleted += await this.#deletePart(ids.slice(n, n + REMOVED_AT_ONCE));
    return deleted;
  }

  #deletePart(ids: readonly string[]): Promise<number> {
    return this.#write(
      () => spaceFor(ids.length, 0, REMOVED_PAGES),
      () => {
        const found = [...new Set(ids)].flatMap((id) => this.#read(id) ?? []);
        for (const document of found) this.#erase(document);
        return found.length;
      },
    );
  }

  async query(view: ViewName, query: ViewQuery): Promise<ViewRow[]> {
    this.#checkOpen();
    const { from, to } = this.#range(view, query);
    const bounds = query.descending ? { start: to, end: from, reverse: true } : { start: from, end: to };
    const found = this.#rows.getRange({
      ...bounds,
      ...(query.skip ? { offset: query.skip } : {}),
      ...(query.limit ? { limit: query.limit } : {}),
    });
    const rows: ViewRow[] = [];
    for (const { value } of found) {
      const row = readRow(value);
      if (query.includeDocs) row.doc = this.#read(documentOf(row)) ?? null;
      rows.push(row);
    }
    return rows;
  }

  async count(view: ViewName, query: ViewQuery): Promise<number> {
    this.#checkOpen();
    const { from, to } = this.#range(view, query);
    let count = 0;
    // Split a long count into pieces, so that it does not block other requests.
    for (let start = from; ;) {
      const [next] = [...this.#rows.getKeys({ start, end: to, offset: COUNT_CHUNK, limit: 1 })];
      if (!next) return Math.max(0, count + this.#rows.getKeysCount({ start, end: to }) - (query.skip ?? 0));
      count += COUNT_CHUNK;
      start = next;
      await nextTurn();
      this.#checkOpen();
    }
  }

  async readAttachment(id: string, name: string): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#attachments.get(attachmentKey(id, name));
  }

  async listDocuments(after: string | undefined, limit: number): Promise<StoredDocument[]> {
    this.#checkOpen();
    const start = after === undefined ? Buffer.alloc(0) : Buffer.concat([encodeId(after), Buffer.of(0)]);
    const found = this.#documents.getRange({ start, limit });
    return [...found].map(({ value }) => readDocument(value));
  }

  /** The bytes of the database's pages in use. */
  usedBytes(): number {
    return [this.#documents, this.#rows, this.#attachments].reduce((sum, table) => sum + pagesOf(table), 0);
  }

  async close(): Promise<void> {
    this.#open = false;
    await this.#commits.settled();
  }

  /** Runs `action` in a write transaction. Resolves to its result once the transaction is durable. */
  async #write<T>(space: () => number, action: () => T): Promise<T> {
    this.#checkOpen();
    return this.#commits.durable(space, () => this.#root.transaction(action));
  }

  /** Within a transaction: replaces `current` by `document`, with its rows. @returns the new revision */
  #replace(current: StoredDocument | undefined, document: NewDocument): string {
    const { id, revision, text, rows } = this.#encode(current, document);
    if (current) for (const key of this.#rowKeys(current)) void this.#rows.remove(key);
    void this.#documents.put(id, text);
    for (const { key, row } of rows) void this.#rows.put(key, row);
    return revision;
  }

  /**
   * What is written for a document that replaces `current`.
   * @throws TypeError for values that JSON cannot express; RangeError without an id
   */
  #encode(current: StoredDocument | undefined, document: NewDocument): Encoded {
    const { _id, _rev, ...fields } = document;
    // LMDB takes no empty key, and would write the documents of the batch before this one. `keys.ts` bounds the length of keys.
    if (_id === '') throw new RangeError('a document without an id cannot be stored');
    const body = JSON.stringify(fields);
    const revision = `${generation(current?._rev) + 1}-${hash('md5', `${current?._rev ?? ''} ${body}`)}`;
    const head = `{"_id":${JSON.stringify(_id)},"_rev":"${revision}"`;
    const text = body === '{}' ? `${head}}` : `${head},${body.slice(1)}`;
    return { id: encodeId(_id), revision, text, rows: this.#rowsOf(document) };
  }

  /**
   * What is written for one of many documents that do not exist. Its revision needs no digest of the document: a random number tells it
   * from those of other documents with this id.
   */
  #encodeNew(document: NewDocument): Encoded {
    const { _id, _rev } = document;
    const text = JSON.stringify(document);
    const head = `{"_id":${JSON.stringify(_id)}`;
    if (_id === '' || _rev !== undefined || !text.startsWith(head)) return this.#encode(undefined, document);
    const revision = `1-${randomHex()}`;
    const whole = `${head},"_rev":"${revision}"${text.slice(head.length)}`;
    return { id: encodeId(_id), revision, text: whole, rows: this.#rowsOf(document) };
  }

  /** Within a transaction: removes a document with its rows and attachments. */
  #erase(document: StoredDocument): void {
    for (const key of this.#rowKeys(document)) void this.#rows.remove(key);
    for (const name of Object.keys(attachmentsOf(document)))
      void this.#attachments.remove(attachmentKey(document._id, name));
    void this.#documents.remove(encodeId(document._id));
  }

  #dropAttachmentsExcept(current: StoredDocument | undefined, document: NewDocument): void {
    if (!current) return;
    const kept = attachmentsOf(document);
    for (const name of Object.keys(attachmentsOf(current))) {
      if (!(name in kept)) void this.#attachments.remove(attachmentKey(current._id, name));
    }
  }

  #rowsOf(document: NewDocument): Row[] {
    const id = JSON.stringify(document._id);
    const rows: Row[] = [];
    // Views of one document often have the same value.
    let last: Json | undefined;
    let text = '';
    for (const [number, view] of this.#views.entries()) {
      for (const { key, value } of VIEWS[view](document)) {
        if (value !== last) text = JSON.stringify(value);
        last = value;
        const row = `{"id":${id},"key":${JSON.stringify(key)},"value":${text}}`;
        rows.push({ key: rowKey(number, key, document._id), row });
      }
    }
    return rows;
  }

  #rowKeys(document: StoredDocument): Buffer[] {
    return this.#views.flatMap((view, number) =>
      VIEWS[view](document).map(({ key }) => rowKey(number, key, document._id)),
    );
  }

  async #rebuildRows(): Promise<void> {
    // The list of its free pages has 8 bytes for each.
    const space = (): number => spaceFor(1, this.usedBytes() / 512, WRITTEN_PAGES);
    await this.#commits.done(space, () => this.#rows.clearAsync());
    let batch: StoredDocument[] = [];
    const flush = async (): Promise<void> => {
      const documents = batch;
      batch = [];
      const rows = documents.flatMap((document) => this.#rowsOf(document));
      const bytes = rows.reduce((sum, row) => sum + rowBytes(row), 0);
      await this.#commits.done(
        () => spaceFor(documents.length, bytes, WRITTEN_PAGES),
        () => this.#root.transaction(() => rows.forEach(({ key, row }) => void this.#rows.put(key, row))),
      );
    };
    for (const { value } of this.#documents.getRange({ snapshot: false })) {
      batch.push(readDocument(value));
      if (batch.length >= REBUILD_CHUNK) await flush();
    }
    await flush();
  }

  /** The range of keys of a query. No key equals an end, since every row's key ends with the id of its document. */
  #range(view: ViewName, query: ViewQuery): { from: Buffer; to: Buffer } {
    const number = this.#views.indexOf(view);
    if (number < 0) throw new StoreError(`this database has no view ${view}`);
    return {
      from: Buffer.concat([Buffer.of(number), encodeViewKey(query.startKey)]),
      to: Buffer.concat([Buffer.of(number), encodeViewKey(query.endKey), Buffer.of(AFTER_ALL)]),
    };
  }

  #read(id: string): StoredDocument | undefined {
    const text = this.#documents.get(encodeId(id));
    return text === undefined ? undefined : readDocument(text);
  }

  #checkOpen(): void {
    if (!this.#open) throw new StoreError('the store is closed');
  }
}

const statsSchema = z.object({
  pageSize: z.number(),
  treeBranchPageCount: z.number(),
  treeLeafPageCount: z.number(),
  overflowPages: z.number(),
});

function pagesOf(table: { getStats(): object }): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = statsSchema.parse(table.getStats());
  return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
}

const rowBytes = ({ key, row }: Row): number => key.length + Buffer.byteLength(row);

const bytesOf = ({ text, rows }: Encoded): number =>
  rows.reduce((sum, row) => sum + rowBytes(row), Buffer.byteLength(text));

const spaceOf = (entries: readonly Encoded[]): number =>
  spaceFor(
    entries.length,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
    WRITTEN_PAGES,
  );

const rowKey = (view: number, key: ViewKey, id: string): Buffer =>
  Buffer.concat([Buffer.of(view), encodeViewKey(key), encodeId(id)]);

const attachmentKey = (id: string, name: string): Buffer => encodeId(`${id}\0${name}`);

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** What is known of the attachments that a document keeps; undefined if it names none. */
function keptAttachments(
  current: StoredDocument | undefined,
  document: NewDocument,
): Record<string, unknown> | undefined {
  const named = attachmentsOf(document);
  if (Object.keys(named).length === 0) return undefined;
  const known = current ? attachmentsOf(current) : {};
  return Object.fromEntries(Object.entries(named).map(([name, stub]) => [name, known[name] ?? stub]));
}

/** The number before the dash of a revision; 0 without a revision. */
function generation(revision: string | undefined): number {
  return revision === undefined ? 0 : Number.parseInt(revision, 10) || 0;
}

async function md5(bytes: Uint8Array): Promise<string> {
  const hash = createHash('md5');
  for (let at = 0; at < bytes.length; at += SLICE) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + SLICE));
  }
  return hash.digest('base64');
}
