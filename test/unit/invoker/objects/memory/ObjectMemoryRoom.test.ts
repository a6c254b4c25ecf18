import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import { copiesOf } from '../../../../../invoker/objects/sharing/copies.js';
import { A, at, B, COST, KB, MB, namespace, newMemory, PLAIN, put, refused } from './memories.js';

describe('the room of an ObjectMemory', () => {
  it('evicts the least recently used objects', () => {
    const memory = newMemory(4 * COST);
    for (const [now, key] of ['a', 'b', 'c', 'd'].entries()) put(memory, A, key, 0, now);
    memory.read(A, at('a'), 5);
    put(memory, A, 'e', 0, 6);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].filter((key) => memory.peek(A, at(key), 6)),
      ['a', 'c', 'd', 'e'],
    );
    assert.equal(memory.counts().evictions, 1);
  });

  it('takes memory from a namespace beyond its share, not from one within it', () => {
    const memory = newMemory(8 * COST);
    put(memory, B, 'v', 0, 0);
    put(memory, B, 'w', 0, 1);
    for (let n = 0; n < 20; n++) put(memory, A, 'ABCDEFGHIJKLMNOPQRST'.charAt(n), 0, 10 + n);
    assert.ok(memory.peek(B, at('v'), 100));
    assert.ok(memory.peek(B, at('w'), 100));
    // B may have half of the memory.
    put(memory, B, 'x', 0, 100);
    put(memory, B, 'y', 0, 101);
    assert.deepEqual(
      memory.largest(2).map(({ objects }) => objects),
      [4, 4],
    );
    put(memory, B, 'z', 0, 102);
    assert.equal(memory.peek(B, at('v'), 102), undefined);
    assert.equal(memory.largest(2).length, 2);
  });

  it('counts the copies of replicated objects as the use of their namespace', () => {
    const memory = newMemory(16 * COST);
    const copies = copiesOf(A);
    put(memory, A, 'a', 0);
    put(memory, B, 'b', 0);
    put(memory, B, 'c', 0);
    const twoOfB = memory.largest(1)[0]?.bytes;
    for (const key of ['d', 'e']) put(memory, copies, key, 0);
    const [first, second, ...others] = memory.largest(4);
    assert.deepEqual([first?.name, first?.objects, first?.bytes], [A.name, 3, memory.usedBytes - (twoOfB ?? 0)]);
    assert.deepEqual([second?.name, second?.objects, second?.bytes], [B.name, 2, twoOfB]);
    assert.deepEqual(others, []);
  });

  it('evicts nothing for a write that cannot fit', () => {
    const memory = newMemory(8 * COST);
    for (const key of ['a', 'b', 'c', 'd']) put(memory, A, key, 0);
    for (const key of ['a', 'b', 'c', 'd']) put(memory, B, key, 0);
    assert.throws(() => memory.reserve(B, at('k'), 5 * COST, 1), refused(503));
    assert.equal(memory.counts().objects, 8);
    assert.throws(() => memory.reserve(B, at('k'), 9 * COST, 1), refused(503, /has memory for 8224 bytes/));
    assert.equal(memory.counts().refusals, 2);
  });

  it('refuses writes over the limit of the namespace, and says so', () => {
    const memory = newMemory();
    const limited = namespace('limited', 10 * KB);
    put(memory, limited, 'a', 6 * KB);
    assert.throws(() => memory.reserve(limited, at('b'), 5 * KB, 0), refused(429, /its limit of 10240/));
    // Another version of the object replaces it.
    put(memory, limited, 'a', 8 * KB);
    assert.throws(
      () => memory.append(limited, at('a'), Buffer.alloc(2 * KB), PLAIN, memory.reserve(B, at('-'), 0, 0), 0),
      refused(429),
    );
    assert.equal(memory.peek(limited, at('a'), 0)?.bytes.length, 8 * KB);
    memory.delete(limited, at('a'), undefined, 0);
    put(memory, limited, 'b', 8 * KB);
  });

  it('bounds the number of objects, and of keys in a color', () => {
    const memory = newMemory(MB, { maxObjects: 3, maxKeysPerColor: 2 });
    put(memory, A, 'a', 0, 0);
    put(memory, A, 'b', 0, 1);
    assert.throws(() => put(memory, A, 'c', 0, 2), refused(429, /color has 2 objects/));
    put(memory, A, 'b', 1, 3);
    for (const color of ['d', 'e']) {
      memory.increment(A, { color, key: 'n' }, 1, PLAIN, 4);
    }
    assert.equal(memory.counts().objects, 3);
    assert.equal(memory.peek(A, at('a'), 4), undefined);
  });

  it('has room in a full color for an object of the store: another one that may be evicted leaves', () => {
    const memory = newMemory(MB, { maxKeysPerColor: 2 });
    const load = (key: string): void => {
      const reservation = memory.reserveLoaded(A, at(key), 0, 5);
      memory.put(A, at(key), ObjectBytes.EMPTY, { ...PLAIN, persistence: 'stored' }, reservation, 5);
    };
    put(memory, A, 'a', 0, 0, { persistence: 'replicated' });
    put(memory, A, 'b', 0, 1);
    load('c');
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => memory.peek(A, at(key), 5) !== undefined),
      [true, false, true],
    );
    put(memory, A, 'c', 0, 6, { persistence: 'replicated' });
    assert.throws(() => load('d'), refused(429, /color has 2 objects/));
  });

  it('counts the memory of a replaced object until it is sent', () => {
    const memory = newMemory();
    const { object } = put(memory, A, 'k', 10 * KB);
    const release = memory.hold(A, at('k'), object);
    const before = memory.usedBytes;
    put(memory, A, 'k', 0);
    assert.equal(memory.usedBytes, before + COST);
    assert.equal(memory.hold(A, at('k'), object), undefined);
    release?.();
    assert.equal(memory.usedBytes, COST);
  });

  it('does not evict an object that is being sent', () => {
    const memory = newMemory(2 * COST);
    const { object } = put(memory, A, 'a', 0, 0);
    put(memory, A, 'b', 0, 1);
    const release = memory.hold(A, at('a'), object);
    put(memory, A, 'c', 0, 2);
    assert.ok(memory.peek(A, at('a'), 2));
    assert.equal(memory.peek(A, at('b'), 2), undefined);
    release?.();
    assert.equal(memory.usedBytes, 2 * COST);
  });

  it('shrinks to a smaller bound at once', () => {
    const memory = newMemory();
    for (let n = 0; n < 10; n++) put(memory, n % 2 ? A : B, String(n), 0, n);
    memory.resize(3 * COST);
    assert.ok(memory.usedBytes <= 3 * COST);
    assert.ok(memory.peek(A, at('9'), 20));
    memory.resize(0);
    assert.deepEqual([memory.usedBytes, memory.counts().objects, memory.counts().namespaces], [0, 0, 0]);
    assert.throws(() => put(memory, A, 'k', 0), refused(503));
    assert.equal(memory.counts().namespaces, 0);
  });

  it('never takes an object from a namespace within its share', () => {
    const writes = fc.array(
      fc.record({
        owner: fc.constantFrom('a', 'b', 'c'),
        key: fc.constantFrom('k', 'l', 'm', 'n', 'o', 'p'),
        kb: fc.nat(20),
      }),
      { maxLength: 100, size: 'max' },
    );
    fc.assert(
      fc.property(writes, (all) => {
        const bound = 60 * KB;
        const memory = newMemory(bound);
        for (const [now, { owner, key, kb }] of all.entries()) {
          const before = memory.largest(3);
          try {
            put(memory, namespace(owner), key, kb * KB, now);
          } catch (error) {
            assert.ok(error instanceof ObjectError, String(error));
          }
          const namespaces = new Set([...before.map(({ name }) => name), owner]);
          const share = bound / namespaces.size;
          for (const { name, bytes, objects } of before) {
            const after = memory.largest(3).find((other) => other.name === name);
            if (name !== owner && bytes <= share) assert.equal(after?.objects, objects);
          }
          assert.ok(memory.usedBytes <= bound);
        }
      }),
    );
  });
});
