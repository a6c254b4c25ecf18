import assert from 'node:assert/strict';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import {
  addTo,
  endsWait,
  isExpired,
  isKept,
  isKnown,
  requireCondition,
} from '../../../../../invoker/objects/memory/objectRules.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';

const object = (text: string): StoredObject => ({
  bytes: ObjectBytes.ofText(text),
  contentType: 'text/plain',
  etag: '"1"',
  persistence: 'memory',
  expiresAt: undefined,
});
const refused = (status: number) => (error: unknown) => error instanceof ObjectError && error.status === status;

describe('the rules of objects', () => {
  it('only a replicated object is kept', () => {
    assert.deepEqual((['memory', 'replicated', 'stored'] as const).map(isKept), [false, true, false]);
  });

  it('a wait ends when the object exists, or is not one of the known ones', () => {
    assert.equal(endsWait(undefined, undefined), false);
    assert.equal(endsWait(object('x'), undefined), true);
    assert.equal(endsWait(object('x'), 'any'), false);
    assert.equal(endsWait(undefined, 'any'), true);
    assert.equal(endsWait(object('x'), ['"0"', '"1"']), false);
    assert.equal(endsWait(object('x'), ['"0"']), true);
    assert.equal(isKnown(object('x'), 'any'), true);
    assert.equal(isKnown(object('x'), ['"0"']), false);
  });

  it('the time of an object is over at its end, or never', () => {
    assert.equal(isExpired(object('x'), 1e15), false);
    const ends = { ...object('x'), expiresAt: 100 };
    assert.deepEqual(
      [99, 100, 101].map((now) => isExpired(ends, now)),
      [false, true, true],
    );
  });

  it('a condition is that there is none, that there is one, or that it is a certain one', () => {
    requireCondition(undefined, undefined);
    requireCondition({ kind: 'absent' }, undefined);
    requireCondition({ kind: 'present' }, object('x'));
    requireCondition({ kind: 'tags', tags: ['"0"', '"1"'] }, object('x'));
    assert.throws(() => requireCondition({ kind: 'absent' }, object('x')), refused(412));
    assert.throws(() => requireCondition({ kind: 'present' }, undefined), refused(412));
    assert.throws(() => requireCondition({ kind: 'tags', tags: ['"1"'] }, undefined), refused(412));
    assert.throws(() => requireCondition({ kind: 'tags', tags: ['"0"'] }, object('x')), refused(412));
  });

  it('a number has at most 32 bytes, and a sum of whole numbers is exact', () => {
    assert.equal(addTo(undefined, 2), 2);
    assert.equal(addTo(object(' 40\n'), 2), 42);
    const longest = `-1.${'0'.repeat(24)}e-100`;
    assert.equal(longest.length, 32);
    assert.equal(addTo(object(longest), 2), 2);
    for (const text of [` ${longest}`, 'x', '']) assert.throws(() => addTo(object(text), 1), refused(400));
    assert.equal(addTo(object(String(Number.MAX_SAFE_INTEGER - 1)), 1), Number.MAX_SAFE_INTEGER);
    assert.throws(() => addTo(object(String(Number.MAX_SAFE_INTEGER)), 1), refused(400));
    assert.throws(() => addTo(object('1e308'), 1e308), refused(400));
  });
});
