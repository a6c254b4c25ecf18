import vm from 'node:vm';
import type { Json } from '../../shared/entities/keyvalue.js';
import { DESIGN_DOCUMENTS } from '../../shared/store/couchdb/designDocuments.js';
import type { DatabaseName } from '../../shared/store/views.js';

export interface EmittedRow {
  readonly key: Json;
  readonly value: Json;
}

/** Runs the JavaScript of a database's design document over one document, as CouchDB does. `view` is `design/name`. */
export function emittedByDesign(database: DatabaseName, view: string, document: unknown): EmittedRow[] {
  const [design, name] = view.split('/') as [string, string];
  const found = DESIGN_DOCUMENTS[database].find(({ _id }) => _id === `_design/${design}`)?.views[name];
  if (!found) throw new Error(`${database} has no view ${view}`);
  const context = vm.createContext({ input: JSON.stringify(document), output: '' });
  vm.runInContext(
    `var rows = []; function emit(key, value) { rows.push({ key: key, value: value }); }
    (${found.map})(JSON.parse(input)); output = JSON.stringify(rows);`,
    context,
  );
  return JSON.parse(String(context['output'])) as EmittedRow[];
}
