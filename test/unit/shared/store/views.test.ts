import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VIEWS, VIEWS_OF } from '../../../../shared/store/views.js';
import { emittedByDesign } from '../../../suites/designDocuments.js';

/** A document in which any field may be missing or of a type that nobody expects. */
const text = fc.constantFrom('guest', 'guest/pkg', 'a', '/', '', 'a/b/c');
const odd = fc.oneof(text, fc.integer(), fc.constantFrom(null, true, false, 0, {}, [], { a: 1 }));
const annotations = fc.array(
  fc.record(
    { key: fc.constantFrom('path', 'binding', 'kind', 'color', 'x'), value: fc.oneof(text, odd) },
    { requiredKeys: ['key'] },
  ),
  { maxLength: 4 },
);
const mostly = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 8, arbitrary }, { weight: 1, arbitrary: odd });
const document = fc.record(
  {
    _id: fc.constantFrom('guest/x', 'guest/limits', 'guest'),
    namespace: mostly(text),
    name: mostly(text),
    version: mostly(text),
    publish: fc.boolean(),
    annotations: mostly(annotations),
    updated: mostly(fc.integer()),
    exec: mostly(fc.record({ kind: text, binary: fc.boolean() }, { requiredKeys: [] })),
    limits: odd,
    binding: mostly(fc.record({ name: text, namespace: text }, { requiredKeys: [] })),
    parameters: odd,
    trigger: odd,
    activationId: mostly(text),
    start: mostly(fc.integer()),
    end: mostly(fc.integer()),
    cause: text,
    response: mostly(fc.record({ statusCode: fc.integer() }, { requiredKeys: [] })),
    subject: text,
    blocked: fc.boolean(),
    namespaces: mostly(
      fc.array(fc.record({ name: text, uuid: text, key: text }, { requiredKeys: ['name'] }), { maxLength: 3 }),
    ),
    concurrentInvocations: fc.constantFrom(0, 1),
    invocationsPerMinute: fc.constantFrom(0, 1),
  },
  { requiredKeys: ['_id'] },
);

describe('views', () => {
  for (const database of ['whisks', 'activations', 'subjects'] as const) {
    for (const view of VIEWS_OF[database]) {
      it(`${view} of ${database} emits what CouchDB does for the same document (property)`, () => {
        fc.assert(
          fc.property(document, (doc) => {
            const parsed = JSON.parse(JSON.stringify(doc)) as Record<string, unknown>;
            const emitted: unknown = JSON.parse(JSON.stringify(VIEWS[view](parsed)));
            // Keys of other types than numbers and strings no range of ours asks for: they count as null.
            const theirs = emittedByDesign(database, view, parsed).map(({ key, value }) => ({
              // This view's key has one part.
              key: Array.isArray(key) && view !== 'activations/byDate' ? key.map(part) : part(key),
              value,
            }));
            assert.deepEqual(emitted, theirs);
          }),
          { numRuns: 300 },
        );
      });
    }
  }

  it('puts an action of a package under the package and under the namespace', () => {
    const doc = { namespace: 'guest/pkg', name: 'inner', updated: 7, exec: { kind: 'nodejs:20', binary: true } };
    const value = { namespace: 'guest/pkg', name: 'inner', updated: 7, exec: { binary: true } };
    assert.deepEqual(VIEWS['whisks.v2.1.0/actions'](doc), [
      { key: ['guest/pkg', 7], value },
      { key: ['guest', 7], value },
    ]);
  });

  it('leaves out fields that a fired trigger does not have', () => {
    const doc = {
      activationId: 'a',
      namespace: 'guest',
      name: 't',
      annotations: [],
      start: 5,
      end: 0,
      response: { statusCode: 0 },
    };
    assert.deepEqual(VIEWS['whisks.v2.1.0/activations'](doc), [
      { key: ['guest', 5], value: { namespace: 'guest', name: 't', annotations: [], activationId: 'a', start: 5 } },
    ]);
  });
});

const part = (value: unknown): unknown => (typeof value === 'string' || typeof value === 'number' ? value : null);
