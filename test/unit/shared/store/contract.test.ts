import assert from 'node:assert/strict';
import { attach } from '../../../suites/attach.js';
import { activationDocument, activationRecordSchema } from '../../../../shared/entities/activation.js';
import { subjectDocumentSchema, type Action } from '../../../../shared/entities/documents.js';
import type { Attached, ExecDocument } from '../../../../shared/entities/exec.js';
import type { NewDocument, StoredDocument, Stores, ViewName } from '../../../../shared/store/ArtifactStore.js';
import { CachedEntityStore } from '../../../../shared/store/CachedEntityStore.js';
import { openTemporaryStores } from '../../../../shared/store/embedded/open.js';
import { parseEntity } from '../../../../shared/store/parseEntity.js';
import { SubjectStore } from '../../../../shared/store/SubjectStore.js';
import { VIEWS, VIEWS_OF, type DatabaseName } from '../../../../shared/store/views.js';
import { couchRecording } from '../../../contract/couchdb.js';
import { emittedByDesign } from '../../../suites/designDocuments.js';

const { databases } = couchRecording();
const recorded = (name: DatabaseName) => {
  const database = databases[`whisk_local_${name}`];
  assert.ok(database);
  return { documents: database.documents.map(({ doc }) => doc), views: database.views };
};

const withoutRevision = ({ _rev, ...fields }: StoredDocument): Record<string, unknown> => fields;

describe('the documents that Apache OpenWhisk wrote', () => {
  let theirs: Stores;
  let ours: Stores;
  before(async () => {
    theirs = await openTemporaryStores();
    ours = await openTemporaryStores();
    for (const name of ['whisks', 'activations', 'subjects'] as const) {
      await theirs[name].putMany(recorded(name).documents.map(asNew));
    }
  });
  after(() => Promise.all([theirs.close(), ours.close()]));

  describe('entities', () => {
    for (const document of recorded('whisks').documents) {
      const entity = parseEntity(document);
      it(`is read and written alike: ${entity.entityType} ${document._id}`, async () => {
        const write = new CachedEntityStore(ours.whisks);
        const read = new CachedEntityStore(theirs.whisks);
        if (entity.entityType === 'package')
          await write.putPackage(asNew((await read.getPackage(entity._id)) ?? entity));
        else if (entity.entityType === 'trigger')
          await write.putTrigger(asNew((await read.getTrigger(entity._id)) ?? entity));
        else if (entity.entityType === 'rule') await write.putRule(asNew((await read.getRule(entity._id)) ?? entity));
        else {
          await addAttachment(document);
          const action = await read.getActionWithCode(entity._id);
          assert.ok(action);
          await write.putAction(asNew(action));
          return sameAction(withoutRevision((await ours.whisks.get(entity._id)) as StoredDocument), document, action);
        }
        assert.deepEqual(
          withoutRevision((await ours.whisks.get(entity._id)) as StoredDocument),
          withoutRevision(document),
        );
        return undefined;
      });
    }
  });

  describe('activations', () => {
    for (const document of recorded('activations').documents) {
      it(`is read and written alike: ${document._id}`, () => {
        const record = activationRecordSchema.parse(document);
        const written = JSON.parse(JSON.stringify(activationDocument(record, Number(document['updated'])))) as unknown;
        assert.deepEqual(written, withoutRevision(document));
      });
    }
  });

  describe('subjects', () => {
    for (const document of recorded('subjects').documents) {
      if (document._id.endsWith('/limits')) continue;
      it(`is read, with its namespaces and their limits: ${document._id}`, async () => {
        const subject = subjectDocumentSchema.parse(document);
        const store = new SubjectStore(theirs.subjects);
        assert.ok(subject.namespaces.length > 0);
        for (const { name, uuid, key } of subject.namespaces) {
          const identity = await store.identityByKey(uuid, key);
          assert.deepEqual(await store.identityByNamespace(name), identity);
          if (subject.blocked) {
            assert.equal(identity, undefined);
            continue;
          }
          const limits = recorded('subjects').documents.find(({ _id }) => _id === `${name}/limits`);
          const { _id, ...expected } = limits ? withoutRevision(limits) : {};
          assert.deepEqual(identity, {
            subject: subject.subject,
            namespace: { name, uuid },
            authkey: { api_key: `${uuid}:${key}` },
            rights: ['READ', 'PUT', 'DELETE', 'ACTIVATE'],
            limits: expected,
          });
        }
      });
    }
  });

  describe('views', () => {
    for (const database of ['whisks', 'activations', 'subjects'] as const) {
      const { documents, views } = recorded(database);
      for (const [view, { rows }] of Object.entries(views)) {
        // Of a row whose document was not recorded nothing can be said.
        const known = rows.filter((row) => documents.some(({ _id }) => _id === row.id));
        it(`${database}: ${view} emits the ${known.length} rows recorded, and no others for these documents`, () => {
          assert.ok(known.length > 0);
          for (const id of new Set(known.map((row) => row.id))) {
            const document = documents.find(({ _id }) => _id === id) as StoredDocument;
            const expected = known.filter((row) => row.id === id).map(({ key, value }) => ({ key, value }));
            const emitted = emittedByDesign(database, view, document);
            for (const row of expected)
              assert.ok(
                emitted.some((other) => same(other, row)),
                JSON.stringify(row),
              );
            if ((VIEWS_OF[database] as readonly string[]).includes(view)) {
              assert.deepEqual(VIEWS[view as ViewName](document), emitted);
            }
          }
        });

        it(`${database}: ${view} emits nothing for the documents that have no row`, () => {
          const complete =
            rows.length === known.length && database !== 'activations' && view !== 'whisks.v2.1.0/actions';
          for (const document of documents) {
            const emitted = emittedByDesign(database, view, document);
            if ((VIEWS_OF[database] as readonly string[]).includes(view)) {
              assert.deepEqual(VIEWS[view as ViewName](document), emitted);
            }
            if (complete)
              assert.equal(emitted.length, rows.filter((row) => row.id === document._id).length, document._id);
          }
        });
      }
    }
  });

  /** The recording has no bytes of attachments: some of that length stand for them. */
  async function addAttachment(document: StoredDocument): Promise<void> {
    const stubs = Object.entries(
      (document['_attachments'] ?? {}) as Record<string, { content_type: string; length: number }>,
    );
    for (const [name, { content_type, length }] of stubs) {
      const current = await theirs.whisks.get(document._id);
      await attach(theirs.whisks, document._id, current?._rev ?? '', name, content_type, Buffer.alloc(length, 'x'));
    }
  }
});

/** A document as a new one: without what only the store that it came from knows. */
function asNew<T extends NewDocument>(document: T): T {
  const { _rev, _attachments, ...fields } = document as T & { _attachments?: unknown };
  return fields as unknown as T;
}

/** The action as we wrote it is the one recorded; names of attachments are made up each time. */
function sameAction(written: Record<string, unknown>, document: StoredDocument, action: Action): void {
  const { _attachments: ourStubs, exec: ourExec, ...ourFields } = written;
  const { _attachments: theirStubs, exec: theirExec, ...theirFields } = withoutRevision(document);
  assert.deepEqual(ourFields, theirFields);
  const [mine, original] = [ourExec as ExecDocument, theirExec as ExecDocument];
  if (typeof original.code === 'string') {
    // Only the invokers' health check of OpenWhisk keeps plain code; it is read, but not written so.
    assert.equal(action.exec.code, original.code);
    return;
  }
  if (document._id === 'guest/smallzip') {
    // The recording is trimmed within its code.
    assert.deepEqual(shapeOf(mine), shapeOf(original));
    return;
  }
  if (theirStubs === undefined) {
    assert.deepEqual(mine, original);
    assert.equal(ourStubs, undefined);
    return;
  }
  const [ourCode, theirCode] = [mine.code as Attached, original.code as Attached];
  assert.deepEqual({ ...mine, code: 0 }, { ...original, code: 0 });
  assert.deepEqual({ ...ourCode, attachmentName: 0 }, { ...theirCode, attachmentName: 0 });
  const NAME = /^couch:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  assert.match(ourCode.attachmentName, NAME);
  assert.match(theirCode.attachmentName, NAME);
  const stub = (stubs: unknown) => Object.entries(stubs as Record<string, Record<string, unknown>>)[0] ?? ['', {}];
  const [[ourName, ourStub], [theirName, theirStub]] = [stub(ourStubs), stub(theirStubs)];
  assert.equal(`couch:${ourName}`, ourCode.attachmentName);
  assert.equal(`couch:${theirName}`, theirCode.attachmentName);
  // OpenWhisk writes the attachment in a second revision, we in the same one.
  assert.deepEqual({ ...ourStub, digest: 0, revpos: 2 }, { ...theirStub, digest: 0 });
}

/** A value's structure and types. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

function same(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
