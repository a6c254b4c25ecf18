import type { Calls } from '../../threads/Calls.js';
import type { ArtifactStore, Attachment, NewDocument, Stores, ViewName, ViewQuery } from '../ArtifactStore.js';

type Database = Exclude<keyof Stores, 'close'>;

/** The functions of the stores for another thread of this process. */
export const storeServices = (stores: Pick<Stores, Database>) => ({
  get: (database: Database, id: string) => stores[database].get(id),
  put: (database: Database, document: NewDocument, attachment?: Attachment) =>
    stores[database].put(document, attachment),
  putMany: (database: Database, documents: readonly NewDocument[]) => stores[database].putMany(documents),
  delete: (database: Database, id: string, revision: string) => stores[database].delete(id, revision),
  deleteMany: (database: Database, ids: readonly string[]) => stores[database].deleteMany(ids),
  query: (database: Database, view: ViewName, query: ViewQuery) => stores[database].query(view, query),
  count: (database: Database, view: ViewName, query: ViewQuery) => stores[database].count(view, query),
  readAttachment: (database: Database, id: string, name: string) => stores[database].readAttachment(id, name),
  listDocuments: (database: Database, after: string | undefined, limit: number) =>
    stores[database].listDocuments(after, limit),
});

/** A database of the thread behind `calls`, which serves `storeServices`. Its owner closes it. */
export function portStore(calls: Calls, database: Database): ArtifactStore {
  const remote = calls.to<ReturnType<typeof storeServices>>();
  return {
    get: (id) => remote.call('get', database, id),
    put: (document, attachment) => remote.call('put', database, document, attachment),
    putMany: (documents) => remote.call('putMany', database, documents),
    delete: (id, revision) => remote.call('delete', database, id, revision),
    deleteMany: (ids) => remote.call('deleteMany', database, ids),
    query: (view, query) => remote.call('query', database, view, query),
    count: (view, query) => remote.call('count', database, view, query),
    readAttachment: (id, name) => remote.call('readAttachment', database, id, name),
    listDocuments: (after, limit) => remote.call('listDocuments', database, after, limit),
    close: () => Promise.resolve(),
  };
}
