import assert from 'node:assert/strict';
import * as z from 'zod';
import { jsonSchema } from '../../../shared/entities/keyvalue.js';
import type { StoredDocument } from '../../../shared/store/ArtifactStore.js';
import { CouchClient, pathOf } from '../../../shared/store/couchdb/CouchClient.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import type { DatabaseName } from '../../../shared/store/views.js';
import { couchRecording } from '../../contract/couchdb.js';
import { startCouch, type Couch } from './couch.js';

const rowsSchema = z.object({ rows: z.array(z.object({ id: z.string(), key: jsonSchema, value: jsonSchema })) });
type Rows = z.infer<typeof rowsSchema>['rows'];

const NAMES = ['whisks', 'activations', 'subjects'] as const;

/** The views whose rows were recorded all, not only some. */
const isComplete = (database: DatabaseName, view: string): boolean =>
  database !== 'activations' && view !== 'whisks.v2.1.0/actions';

const identity = ({ id, key }: Rows[number]): string => JSON.stringify([id, key]);

const recorded = (name: DatabaseName) => {
  const database = couchRecording().databases[`whisk_local_${name}`];
  assert.ok(database);
  return { documents: database.documents.map(({ doc }) => doc), views: database.views };
};

describe('what Apache OpenWhisk wrote, under our views in CouchDB', () => {
  let couch: Couch;
  let client: CouchClient;
  let databases: Readonly<Record<DatabaseName, string>>;

  before(async () => {
    couch = await startCouch();
    const options = couch.options();
    databases = options.databases;
    client = new CouchClient(options);
    await (await openCouchStores(options)).close();
    for (const name of NAMES) {
      const docs = recorded(name).documents.map(withoutAttachments);
      // As replication writes them: with the revisions that they have, which a view emits.
      const body = JSON.stringify({ new_edits: false, docs });
      assert.deepEqual(await client.json({ method: 'POST', path: `${pathOf(databases[name])}/_bulk_docs`, body }), []);
    }
  });
  after(async () => {
    await client?.close();
    await couch?.close();
  });

  async function rowsOf(database: DatabaseName, view: string): Promise<Rows> {
    const [design, name] = view.split('/') as [string, string];
    const path = `${pathOf(databases[database])}/_design/${design}/_view/${name}`;
    return rowsSchema.parse(await client.json({ path, qs: { reduce: false } })).rows;
  }

  for (const database of NAMES) {
    const { documents, views } = recorded(database);
    const ids = new Set(documents.map(({ _id }) => _id));
    for (const [view, { rows }] of Object.entries(views)) {
      // Of a row whose document was not recorded nothing can be said.
      const expected = rows.filter(({ id }) => ids.has(id));
      it(`${database}: ${view} has the ${expected.length} rows recorded, in their order`, async () => {
        const found = await rowsOf(database, view);
        const known = new Set(expected.map(identity));
        assert.deepEqual(
          found.filter((row) => known.has(identity(row))),
          expected,
        );
        if (rows.length === expected.length && isComplete(database, view)) assert.deepEqual(found, expected);
      });
    }
  }
});

/** Their bytes were not recorded. */
function withoutAttachments(document: StoredDocument): Record<string, unknown> {
  const { _attachments, ...fields } = document;
  return fields;
}
