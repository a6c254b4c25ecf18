import {
  DocumentConflictError,
  type NewDocument,
  type StoredDocument,
} from '../../../../../shared/store/ArtifactStore.js';

/** Documents in memory, with revisions. */
export class Documents {
  readonly #documents = new Map<string, StoredDocument>();
  down = false;
  reads = 0;

  get(id: string): Promise<StoredDocument | undefined> {
    this.reads++;
    return this.down ? Promise.reject(new Error('down')) : Promise.resolve(this.#documents.get(id));
  }

  put(document: NewDocument): Promise<string> {
    const existing = this.#documents.get(document._id);
    if (existing?._rev !== document._rev) return Promise.reject(new DocumentConflictError(document._id));
    const revision = `${Number(existing?._rev.split('-')[0] ?? 0) + 1}-0`;
    this.#documents.set(document._id, { ...structuredClone(document), _rev: revision });
    return Promise.resolve(revision);
  }
}
