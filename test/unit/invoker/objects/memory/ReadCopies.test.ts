import assert from 'node:assert/strict';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { ReadCopies } from '../../../../../invoker/objects/memory/ReadCopies.js';

const KB = 1024;
const BOUND = 1024 * KB;
const GUEST = { uuid: 'u', name: 'guest', limitBytes: undefined };

const object = (bytes: number): StoredObject => ({
  bytes: ObjectBytes.of(Buffer.alloc(bytes)),
  contentType: 'text/plain',
  etag: '"1"',
  persistence: 'memory',
  expiresAt: undefined,
});

describe('ReadCopies', () => {
  let copies: ReadCopies;
  beforeEach(() => {
    copies = new ReadCopies();
  });
  const keep = (place: string, bytes: number, free = BOUND): boolean => {
    const room = copies.reserve(place, bytes, BOUND, free);
    room?.keep(object(bytes));
    return room !== undefined;
  };

  it('use a quarter of the bound and what objects leave; the least recently used ones go', () => {
    for (const place of ['a', 'b', 'c']) assert.ok(keep(place, 70 * KB));
    assert.ok(copies.get('a'));
    assert.ok(keep('d', 70 * KB));
    assert.equal(copies.get('b'), undefined);
    assert.ok(copies.get('a'));
    assert.ok(copies.bytes <= BOUND / 4);
    assert.equal(keep('e', 70 * KB, 60 * KB), false);
    assert.equal(keep('large', 300 * KB), false);
    assert.equal(keep('small', 100), false);
  });

  it('count their bytes, their place and an overhead, and may use all that there is', () => {
    assert.ok(keep('ab', 40 * KB));
    const cost = 40 * KB + 4 + 1024;
    assert.equal(copies.bytes, cost);
    // As much as objects leave.
    assert.equal(copies.reserve('cd', 40 * KB, BOUND, cost - 1), undefined);
    assert.ok(keep('cd', 40 * KB, cost));
    assert.equal(copies.get('ab'), undefined);
    assert.ok(keep('ef', 40 * KB, 2 * cost));
    assert.ok(copies.get('cd'));
    // The smallest one.
    assert.ok(keep('gh', 32 * KB));
    assert.equal(keep('ij', 32 * KB - 1), false);
  });

  it('that are sent do not give way to another one', () => {
    assert.ok(keep('a', 200 * KB));
    const sent = copies.get('a');
    assert.ok(sent);
    const ends = [copies.hold('a', sent), copies.hold('a', sent)];
    const { bytes } = copies;
    assert.equal(keep('b', 100 * KB), false);
    ends[0]?.();
    assert.equal(copies.bytes, bytes);
    assert.equal(keep('b', 100 * KB), false);
    ends[1]?.();
    assert.equal(copies.bytes, bytes);
    assert.ok(keep('b', 100 * KB));
    assert.equal(copies.get('a'), undefined);
  });

  it('keep their memory until the last of those who send them has ended', () => {
    assert.ok(keep('a', 100 * KB));
    const sent = copies.get('a');
    assert.ok(sent);
    const ends = [copies.hold('a', sent), copies.hold('a', sent)];
    copies.drop('a');
    ends[0]?.();
    assert.ok(copies.bytes > 100 * KB);
    ends[1]?.();
    assert.equal(copies.bytes, 0);
  });

  it('give back no more memory than is asked for', () => {
    for (const place of ['a', 'b', 'c']) assert.ok(keep(place, 50 * KB));
    copies.free(copies.bytes / 3);
    assert.equal(copies.count, 2);
    assert.equal(copies.get('a'), undefined);
    copies.free(0);
    assert.equal(copies.count, 2);
  });

  it('are counted while they arrive, and while they are sent', () => {
    const room = copies.reserve('a', 100 * KB, BOUND, BOUND);
    assert.ok(copies.bytes > 100 * KB);
    assert.equal(copies.get('a'), undefined);
    room?.release();
    assert.equal(copies.bytes, 0);
    assert.ok(keep('a', 100 * KB));
    const sent = copies.get('a');
    assert.ok(sent);
    const end = copies.hold('a', sent);
    copies.free(BOUND);
    assert.ok(copies.get('a'));
    copies.drop('a');
    assert.ok(copies.bytes > 100 * KB);
    end?.();
    assert.equal(copies.bytes, 0);
  });

  it('that are replaced while they arrive leave no memory behind', () => {
    const first = copies.reserve('a', 100 * KB, BOUND, BOUND);
    const second = copies.reserve('a', 100 * KB, BOUND, BOUND);
    first?.keep(object(100 * KB));
    second?.keep(object(100 * KB));
    assert.equal(copies.count, 1);
    copies.free(BOUND);
    assert.equal(copies.bytes, 0);
  });

  it('give their memory to objects', () => {
    const memory = new ObjectMemory({ epoch: 'e', boundBytes: BOUND, copies });
    assert.ok(keep('a', 200 * KB));
    const address = { color: 'red', key: 'k' };
    const bytes = 950 * KB;
    const reservation = memory.reserve(GUEST, address, bytes, 0);
    assert.equal(copies.bytes, 0);
    const options = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };
    memory.put(GUEST, address, ObjectBytes.of(Buffer.alloc(bytes)), options, reservation, 0);
    assert.equal(memory.counts().evictions, 0);
  });
});
