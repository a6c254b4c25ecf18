import * as z from 'zod';
import { jsonSchema } from '../../entities/keyvalue.js';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import {
  attachmentsOf,
  DocumentConflictError,
  RefusedByStoreError,
  StoreError,
  StoreUnavailableError,
  type ArtifactStore,
  type Attachment,
  type ManyWritten,
  type NewDocument,
  type WriteRefusal,
  type StoredDocument,
  type ViewName,
  type ViewQuery,
  type ViewRow,
} from '../ArtifactStore.js';
import { CouchError, CouchTimeoutError, pathOf, type CouchClient, type CouchRequest } from './CouchClient.js';
import { couchJson } from './couchJson.js';
import { messageOf } from '../../errors/reasons.js';

const documentSchema: z.ZodType<StoredDocument> = z.looseObject({ _id: z.string(), _rev: z.string() });
const writtenSchema = z.object({ id: z.string(), rev: z.string() });
const bulkSchema = z.array(
  z.object({ id: z.string().optional(), error: z.string().optional(), reason: z.string().optional() }),
);
const rowsSchema = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      key: jsonSchema,
      value: jsonSchema,
      doc: documentSchema.nullish(),
    }),
  ),
});
const revisionsSchema = z.object({
  rows: z.array(
    z.object({
      id: z.string().optional(),
      value: z.object({ rev: z.string(), deleted: z.boolean().optional() }).nullish(),
    }),
  ),
});
const reducedSchema = z.object({ rows: z.array(z.object({ value: z.number() })) });

export interface CouchStoreOptions {
  /** Maps the name of a design document to its name in the database. */
  readonly designName?: ((design: string) => string) | undefined;
  /**
   * The longest wait in ms for a view's index. After that, queries return the rows of the outdated index. Missing:
   * queries wait for the usual time limit and then fail.
   */
  readonly viewPatienceMs?: number | undefined;
  readonly log?: Logger | undefined;
  readonly now?: (() => number) | undefined;
}

/** The time in ms for which queries do not wait for an outdated index again, since CouchDB may need hours. */
const BEHIND_MS = 15_000;

/** One database of a CouchDB. */
export class CouchStore implements ArtifactStore {
  readonly #client: CouchClient;
  readonly #db: string;
  readonly #designName: (design: string) => string;
  readonly #viewPatienceMs: number | undefined;
  readonly #log: Logger;
  readonly #now: () => number;
  /** The time until which each view counts as outdated. */
  readonly #behind = new Map<ViewName, number>();

  constructor(client: CouchClient, database: string, options: CouchStoreOptions = {}) {
    this.#client = client;
    this.#db = database;
    this.#designName = options.designName ?? ((design) => design);
    this.#viewPatienceMs = options.viewPatienceMs;
    this.#log = options.log ?? silentLogger;
    this.#now = options.now ?? (() => performance.now());
  }

  async get(id: string): Promise<StoredDocument | undefined> {
    const found = await this.#json(`reading ${id}`, { path: this.#path(id) }, [404]);
    if (found instanceof CouchError) return undefined;
    return this.#parse(documentSchema, found, `document ${id}`);
  }

  async put(document: NewDocument, attachment?: Attachment): Promise<string> {
    const { _id } = document;
    const what = `writing ${_id}`;
    const written = await (attachment
      ? this.#putWith(what, document, attachment)
      : this.#json(what, { method: 'PUT', path: this.#path(_id), body: couchJson(document) }, [409]));
    if (written instanceof CouchError) throw new DocumentConflictError(_id);
    return this.#parse(writtenSchema, written, `answer to ${what}`).rev;
  }

  async putMany(documents: readonly NewDocument[]): Promise<ManyWritten> {
    if (documents.length === 0) return { conflicts: [], refused: [] };
    const what = `writing ${documents.length} documents`;
    const answer = await this.#postBatch(what, couchJson({ docs: documents }));
    const results = this.#parse(bulkSchema, answer, `answer to ${what}`);
    const conflicts: string[] = [];
    const refused: WriteRefusal[] = [];
    for (const [index, { id, error, reason }] of results.entries()) {
      if (error === undefined) continue;
      const failed = id ?? documents[index]?._id ?? '';
      if (error === 'conflict') conflicts.push(failed);
      else {
        const final = REFUSALS_OF_ONE.has(error);
        refused.push({ id: failed, reason: `CouchDB did not take ${failed}: ${reason ?? error}`, final });
      }
    }
    return { conflicts, refused };
  }

  async delete(id: string, revision: string): Promise<boolean> {
    const request: CouchRequest = { method: 'DELETE', path: this.#path(id), qs: { rev: revision } };
    const deleted = await this.#json(`deleting ${id}`, request, [404, 409]);
    if (!(deleted instanceof CouchError)) return true;
    if (deleted.status === 404) return false;
    // CouchDB also responds 409 if another request has deleted the document.
    if ((await this.get(id)) === undefined) return false;
    throw new DocumentConflictError(id);
  }

  async deleteMany(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const what = `deleting ${ids.length} documents`;
    const path = `${this.#path()}/_all_docs`;
    const found = await this.#json(what, { method: 'POST', path, body: couchJson({ keys: ids }) });
    const docs = this.#parse(revisionsSchema, found, `answer to ${what}`).rows.flatMap(({ id, value }) =>
      id === undefined || !value || value.deleted === true ? [] : [{ _id: id, _rev: value.rev, _deleted: true }],
    );
    if (docs.length === 0) return 0;
    const body = couchJson({ docs });
    const answer = await this.#json(what, { method: 'POST', path: `${this.#path()}/_bulk_docs`, body });
    const results = this.#parse(bulkSchema, answer, `answer to ${what}`);
    const refused = results.find(({ error }) => error !== undefined && error !== 'conflict');
    if (refused) throw new StoreError(`${what} in ${this.#db}: ${refused.reason ?? refused.error}`);
    return results.filter(({ error }) => error === undefined).length;
  }

  async query(view: ViewName, query: ViewQuery): Promise<ViewRow[]> {
    const { startKey, endKey, descending = false, skip = 0, limit = 0, includeDocs = false } = query;
    const [first, last] = descending ? [endKey, startKey] : [startKey, endKey];
    const answer = await this.#view(`querying ${view}`, view, {
      startkey: first,
      endkey: last,
      reduce: false,
      ...(descending ? { descending } : {}),
      ...(skip > 0 ? { skip } : {}),
      ...(limit > 0 ? { limit } : {}),
      ...(includeDocs ? { include_docs: true } : {}),
    });
    return this.#parse(rowsSchema, answer, `answer of ${view}`).rows;
  }

  async count(view: ViewName, query: ViewQuery): Promise<number> {
    const { startKey, endKey, skip = 0 } = query;
    const range = { startkey: startKey, endkey: endKey, reduce: REDUCED.has(view) };
    const answer = await this.#view(`counting ${view}`, view, range);
    const rows = REDUCED.has(view)
      ? (this.#parse(reducedSchema, answer, `answer of ${view}`).rows[0]?.value ?? 0)
      : this.#parse(rowsSchema, answer, `answer of ${view}`).rows.length;
    return Math.max(0, rows - skip);
  }

  async readAttachment(id: string, name: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#client.getAttachment(this.#attachmentPath(id, name));
    } catch (error) {
      throw this.#asStoreError(error, `reading ${name} of ${id}`);
    }
  }

  async listDocuments(after: string | undefined, limit: number): Promise<StoredDocument[]> {
    const documents: StoredDocument[] = [];
    // The range contains design documents, which are skipped: read as many documents again.
    for (let last = after; documents.length < limit;) {
      // The range begins with the last document, if it still exists.
      const before = last;
      const asked = limit - documents.length + (before === undefined ? 0 : 1);
      const range = before === undefined ? {} : { startkey: before };
      const path = `${this.#path()}/_all_docs`;
      const answer = await this.#json('listing', { path, qs: { ...range, limit: asked, include_docs: true } });
      const { rows } = this.#parse(rowsSchema, answer, 'list of documents');
      const next = rows.filter(({ id }) => id !== before);
      documents.push(...next.flatMap(({ id, doc }) => (doc && !id.startsWith('_design/') ? [doc] : [])));
      last = rows.at(-1)?.id;
      if (rows.length < asked) break;
    }
    return documents.slice(0, limit);
  }

  /** The connection belongs to the opener of all three databases. */
  async close(): Promise<void> {}

  #path(id?: string): string {
    return pathOf(this.#db, id);
  }

  #viewPath(view: ViewName): string {
    const [design = '', name = ''] = view.split('/');
    return `${this.#path()}/_design/${encodeURIComponent(this.#designName(design))}/_view/${encodeURIComponent(name)}`;
  }

  #attachmentPath(id: string, name: string): string {
    return `${this.#path(id)}/${encodeURIComponent(name)}`;
  }

  /** The rows of the up-to-date view, or of the outdated one if the update takes too long. */
  async #view(what: string, view: ViewName, qs: CouchRequest['qs'] & object): Promise<unknown> {
    const path = this.#viewPath(view);
    const timeoutMs = this.#viewPatienceMs;
    if (timeoutMs === undefined) return this.#json(what, { path, qs });
    const until = this.#behind.get(view);
    if (until === undefined || until <= this.#now()) {
      try {
        const answer = await this.#client.json({ path, qs, timeoutMs });
        if (this.#behind.delete(view)) this.#log.info(`${view} in ${this.#db} is up to date`);
        return answer;
      } catch (error) {
        if (!(error instanceof CouchTimeoutError)) throw this.#asStoreError(error, what);
        if (until === undefined)
          this.#log.warn(`${view} in ${this.#db} is outdated: lists may miss the newest entries`);
        this.#behind.set(view, this.#now() + BEHIND_MS);
      }
    }
    return this.#json(what, { path, qs: { ...qs, stale: 'update_after' } });
  }

  /** Writes both in one request, so that a document never lacks its attachment. */
  async #putWith(what: string, document: NewDocument, attachment: Attachment): Promise<unknown> {
    const { name, contentType, bytes } = attachment;
    const follows = { follows: true, content_type: contentType, length: bytes.length };
    const json = couchJson({ ...document, _attachments: { ...attachmentsOf(document), [name]: follows } });
    try {
      return await this.#client.putMultipart(this.#path(document._id), json, attachment);
    } catch (error) {
      if (error instanceof CouchError && error.status === 409) return error;
      throw this.#asStoreError(error, what);
    }
  }

  /** The response, or a CouchError with one of the `expected` statuses. @throws StoreError for other statuses */
  async #json(what: string, request: CouchRequest, expected: readonly number[] = []): Promise<unknown> {
    try {
      return await this.#client.json(request);
    } catch (error) {
      if (error instanceof CouchError && expected.includes(error.status)) return error;
      throw this.#asStoreError(error, what);
    }
  }

  /** Writes documents. @throws StoreError */
  async #postBatch(what: string, json: string): Promise<unknown> {
    try {
      return await this.#client.postBatch(`${this.#path()}/_bulk_docs`, json);
    } catch (error) {
      throw this.#asStoreError(error, what);
    }
  }

  #asStoreError(error: unknown, what: string): StoreError {
    const status = error instanceof CouchError ? error.status : 0;
    const message = `${what} in ${this.#db}: ${messageOf(error)}${status === 0 ? '' : ` (${status})`}`;
    if (REFUSALS.has(status)) return new RefusedByStoreError(message);
    return error instanceof CouchError && isAway(status) ? new StoreUnavailableError(message) : new StoreError(message);
  }

  #parse<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
    const parsed = schema.safeParse(answer);
    if (!parsed.success)
      throw new StoreError(`${what} in ${this.#db} does not have CouchDB's format: ${parsed.error.message}`);
    return parsed.data;
  }
}

/** Whether CouchDB, or a proxy in front of it, is unavailable. */
const isAway = (status: number): boolean => status === 0 || status === 429 || status >= 500;

/** The statuses of invalid requests: malformed, not acceptable, too large. */
const REFUSALS = new Set([400, 406, 413, 415]);

/**
 * Final errors of single documents in a response about several. A `validate_doc_update` throws `forbidden` and
 * `unauthorized`. Other errors may be temporary: a full disk, an unavailable node.
 */
const REFUSALS_OF_ONE = new Set([
  'forbidden',
  'unauthorized',
  'doc_validation',
  'illegal_docid',
  'bad_request',
  'document_too_large',
]);

/** The views with a reduce function that counts. The one of blocked namespaces sums ones, which is the same. */
const REDUCED: ReadonlySet<ViewName> = new Set([
  'whisks.v2.1.0/actions',
  'whisks.v2.1.0/packages',
  'whisks.v2.1.0/packages-public',
  'whisks.v2.1.0/rules',
  'whisks.v2.1.0/triggers',
  'whisks.v2.1.0/activations',
  'whisks-filters.v2.1.1/activations',
  'palette.v1.0.0/activations-by-color',
  'namespaceThrottlings/blockedNamespaces',
]);
