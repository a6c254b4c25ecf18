import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { VIEWS_OF, type DatabaseName } from '../../../shared/store/views.js';
import { AdminError } from './AdminError.js';

const PAGE = 500;
/** The range of all keys of a view. */
const EVERYTHING = { startKey: null, endKey: ['\ufff0'] };

export const isDatabase = (name: string): name is DatabaseName => Object.hasOwn(VIEWS_OF, name);

/**
 * Yields the rows of a database or a view as lines of one JSON document in CouchDB's format. Reads page by page, since
 * a database may be larger than the memory.
 */
export async function* dump(
  stores: Stores,
  database: DatabaseName,
  options: { readonly view: string | undefined; readonly docs: boolean },
): AsyncGenerator<string> {
  yield '{"rows":[';
  let separator = '';
  const rows = options.view === undefined ? everyDocument : rowsOfView;
  for await (const row of rows(stores, database, options)) {
    yield `${separator}${JSON.stringify(row)}`;
    separator = ',';
  }
  yield ']}';
}

interface DumpOptions {
  readonly view: string | undefined;
  readonly docs: boolean;
}

async function* everyDocument(stores: Stores, database: DatabaseName, { docs }: DumpOptions): AsyncGenerator<object> {
  for (let after: string | undefined; ;) {
    const page = await stores[database].listDocuments(after, PAGE);
    for (const doc of page) {
      yield { id: doc._id, key: doc._id, value: { rev: doc._rev }, ...(docs ? { doc } : {}) };
    }
    after = page.at(-1)?._id;
    if (page.length < PAGE) return;
  }
}

async function* rowsOfView(
  stores: Stores,
  database: DatabaseName,
  { view, docs }: DumpOptions,
): AsyncGenerator<object> {
  const known = VIEWS_OF[database].find((name) => name === view);
  if (known === undefined) {
    throw new AdminError(`${database} has no view "${view}": it has ${VIEWS_OF[database].join(', ')}`, 2);
  }
  for (let skip = 0; ; skip += PAGE) {
    const page = await stores[database].query(known, { ...EVERYTHING, skip, limit: PAGE, includeDocs: docs });
    yield* page;
    if (page.length < PAGE) return;
  }
}
