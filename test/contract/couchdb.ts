import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { jsonSchema } from '../../shared/entities/keyvalue.js';
import type { StoredDocument } from '../../shared/store/ArtifactStore.js';

/** What a distributed Apache OpenWhisk wrote to CouchDB (`couchdb-documents.json`): documents, and the rows of its views. */
const recordingSchema = z.object({
  databases: z.record(
    z.string(),
    z.object({
      documents: z.array(
        z.object({ doc: z.looseObject({ _id: z.string(), _rev: z.string() }) as unknown as z.ZodType<StoredDocument> }),
      ),
      views: z.record(
        z.string(),
        z.object({ rows: z.array(z.object({ id: z.string(), key: jsonSchema, value: jsonSchema })) }),
      ),
    }),
  ),
});
export type CouchRecording = z.infer<typeof recordingSchema>;

export function couchRecording(): CouchRecording {
  // The compiled test runs from dist/, the data stays where it is in the sources.
  for (const place of ['./couchdb-documents.json', '../../../test/contract/couchdb-documents.json']) {
    try {
      return recordingSchema.parse(JSON.parse(readFileSync(fileURLToPath(new URL(place, import.meta.url)), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('couchdb-documents.json is missing');
}
