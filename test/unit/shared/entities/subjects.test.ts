import assert from 'node:assert/strict';
import type { SubjectDocument } from '../../../../shared/entities/documents.js';
import { subjectsFault } from '../../../../shared/entities/subjects.js';

const UUID = '11111111-1111-4111-8111-111111111111';

const user = (over: Partial<SubjectDocument> = {}): SubjectDocument => ({
  _id: 'alice',
  subject: 'alice',
  namespaces: [{ name: 'alice', uuid: UUID, key: 'k'.repeat(64) }],
  ...over,
});
const withSpace = (over: object): SubjectDocument =>
  user({ namespaces: [{ name: 'alice', uuid: UUID, key: 'k'.repeat(64), ...over }] });

describe('the subjects of a file', () => {
  it('are fine with a name, and keys to namespaces', () => {
    assert.equal(subjectsFault([]), undefined);
    const other = withSpace({ name: 'team space', uuid: UUID.replaceAll('1', '2') });
    assert.equal(subjectsFault([user(), { ...other, _id: 'bob@x.org', subject: 'bob@x.org' }]), undefined);
  });

  const faults: [string, SubjectDocument[], RegExp][] = [
    ['a short name', [user({ _id: 'bob', subject: 'bob' })], /^"bob": Subject name must be at least 5 characters$/],
    ['an endless name', [user({ subject: 'x'.repeat(100_000) })], /^"x{256}": Subject name must be at most 256/],
    ['the name of a document of CouchDB', [user({ _id: '_design', subject: '_design' })], /does not begin with "_"$/],
    ['the name of limits', [user({ _id: 'guest/limits', subject: 'guest/limits' })], /no "\/" in its name$/],
    ['two names', [user({ _id: 'guest' })], /its _id is another name$/],
    ['the same name twice', [user(), user()], /^"alice" is a duplicate$/],
    ['a namespace that cannot be named', [withSpace({ name: '../x' })], /^"alice": "\.\.\/x" cannot name a namespace/],
    ['an endless namespace', [withSpace({ name: 'x'.repeat(100_000) })], /^"alice": "x{256}…" cannot name/],
    ['a key without a UUID', [withSpace({ uuid: 'x' })], /a key is a UUID and a secret/],
    ['a key that no client can send', [withSpace({ key: 'a:b' })], /a key is a UUID and a secret/],
    ['the same key twice', [user(), { ...user(), _id: 'carol', subject: 'carol' }], /is a duplicate$/],
  ];
  for (const [what, subjects, fault] of faults) {
    it(`are refused with ${what}`, () => assert.match(subjectsFault(subjects) ?? 'nothing is wrong', fault));
  }
});
