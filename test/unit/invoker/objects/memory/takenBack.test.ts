import assert from 'node:assert/strict';
import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { A, at, B, COST, newMemory, put, textOf } from './memories.js';

const REPLICATED = { persistence: 'replicated' } as const;
const K = at('k');

describe('a change of an object that is taken back', () => {
  let memory: ObjectMemory;
  beforeEach(() => (memory = newMemory(10 * COST)));
  const text = (now = 0): string | undefined => textOf(memory.peek(A, K, now));

  it('puts the object before it in its place again, or none', () => {
    const { object: before } = put(memory, A, 'k', 'one');
    put(memory, A, 'k', 'two');
    memory.restore(A, K, before, 0);
    assert.equal(memory.peek(A, K, 0), before);
    memory.delete(A, K, undefined, 0);
    memory.restore(A, K, before, 0);
    assert.equal(memory.peek(A, K, 0), before);
    memory.restore(A, K, undefined, 0);
    assert.deepEqual([text(), memory.usedBytes, memory.counts().namespaces], [undefined, 0, 0]);
    memory.restore(A, K, undefined, 0);
    assert.equal(memory.usedBytes, 0);
  });

  it('does not bring an object back whose time is over', () => {
    const { object: before } = put(memory, A, 'k', 'one', 0, { ttlMs: 10 });
    put(memory, A, 'k', 'two');
    memory.restore(A, K, before, 10);
    assert.equal(text(10), undefined);
  });

  it('keeps the time of the object before it', () => {
    const { object: before } = put(memory, A, 'k', 'one', 0, { ttlMs: 10 });
    put(memory, A, 'k', 'two');
    assert.equal(memory.expiring, 0);
    memory.restore(A, K, before, 9);
    assert.deepEqual([text(9), memory.expiring, text(10)], ['one', 1, undefined]);
  });

  it('wakes who waits for the object', () => {
    const { object: before } = put(memory, A, 'k', 'one');
    const { object: after } = put(memory, A, 'k', 'two');
    const woken: (string | undefined)[] = [];
    memory.wait(A, K, [after.etag], (object) => void woken.push(textOf(object)));
    memory.restore(A, K, before, 0);
    assert.deepEqual(woken, ['one']);
  });

  it('needs no room, since the object before it stays counted until then', () => {
    const { object: before } = put(memory, A, 'k', 3000);
    const used = memory.usedBytes;
    const forget = memory.retain(A, K, before);
    memory.delete(A, K, undefined, 0);
    assert.equal(memory.usedBytes, used);
    // Others cannot take its room.
    for (let i = 0; i < 20; i++) put(memory, B, `b${i}`, 1);
    assert.ok(memory.usedBytes <= 10 * COST);
    memory.restore(A, K, before, 0);
    forget();
    assert.ok(memory.usedBytes <= 10 * COST);
    assert.equal(memory.peek(A, K, 0), before);
    memory.clear(A, 'c');
    memory.clear(B, 'c');
    assert.deepEqual([memory.usedBytes, memory.counts().namespaces], [0, 0]);
  });

  it('leaves nothing counted of an object that was not put back', () => {
    const { object: before } = put(memory, A, 'k', 'one', 0, REPLICATED);
    const forget = memory.retain(A, K, before);
    memory.delete(A, K, undefined, 0);
    forget();
    assert.deepEqual([memory.usedBytes, memory.keptBytes, memory.counts().namespaces], [0, 0, 0]);
  });

  it('makes an object kept again that is never evicted', () => {
    const { object: before } = put(memory, A, 'k', 'one', 0, REPLICATED);
    const kept = memory.keptBytes;
    assert.ok(kept > 0);
    put(memory, A, 'k', 'two', 0, { persistence: 'memory' });
    assert.equal(memory.keptBytes, 0);
    memory.restore(A, K, before, 0);
    assert.equal(memory.keptBytes, kept);
    memory.resize(0);
    assert.equal(text(), 'one');
  });
});

describe('objects of a color that move to another namespace', () => {
  let memory: ObjectMemory;
  beforeEach(() => (memory = newMemory()));
  const keysOf = (owner: typeof A, color = 'c', now = 0): string[] =>
    memory
      .list(owner, { color, prefix: '', after: undefined, limit: 10 }, now)
      .objects.map(({ key, bytes }) => `${key}: ${bytes}`);
  const all = (): boolean => true;

  it('are those that are asked for, and replace others with the same keys', () => {
    put(memory, A, 'k', 'one', 0, REPLICATED);
    put(memory, A, 'l', 'one');
    put(memory, A, 'm', 'one', 0, REPLICATED);
    put(memory, B, 'k', 'longer');
    put(memory, B, 'other', 'x');
    const { object } = put(memory, A, 'k', 'four', 0, REPLICATED);
    const used = memory.usedBytes;
    const moved = memory.move(A, B, 'c', ({ persistence }) => persistence === 'replicated', 0);
    assert.deepEqual(moved.map(({ key }) => key).toSorted(), ['k', 'm']);
    assert.deepEqual([keysOf(A), keysOf(B)], [['l: 3'], ['k: 4', 'm: 3', 'other: 1']]);
    // With their tags.
    assert.equal(memory.peek(B, K, 0), object);
    assert.ok(memory.usedBytes < used);
    memory.clear(A, 'c');
    memory.clear(B, 'c');
    assert.deepEqual([memory.usedBytes, memory.keptBytes, memory.counts().namespaces], [0, 0, 0]);
  });

  it('need no room', () => {
    memory = newMemory(10 * COST);
    put(memory, A, 'k', 3 * COST, 0, REPLICATED);
    put(memory, B, 'other', 3 * COST);
    const { usedBytes, keptBytes } = memory;
    memory.move(A, B, 'c', all, 0);
    assert.deepEqual([memory.usedBytes, memory.keptBytes, memory.counts().evictions], [usedBytes, keptBytes, 0]);
    assert.deepEqual(keysOf(B), [`k: ${3 * COST}`, `other: ${3 * COST}`]);
  });

  it('are removed without another namespace', () => {
    put(memory, A, 'k', 'one', 0, REPLICATED);
    put(memory, A, 'l', 'one');
    memory.move(A, undefined, 'c', ({ persistence }) => persistence === 'replicated', 0);
    assert.deepEqual([keysOf(A), memory.keptBytes], [['l: 3'], 0]);
  });

  it('keep their times, and do not move when these are over', () => {
    put(memory, A, 'k', 'one', 0, { ...REPLICATED, ttlMs: 10 });
    put(memory, A, 'l', 'one', 0, { ...REPLICATED, ttlMs: 20 });
    const moved = memory.move(A, B, 'c', all, 10);
    assert.deepEqual(
      moved.map(({ key }) => key),
      ['l'],
    );
    assert.deepEqual([keysOf(B, 'c', 19), memory.expiring, keysOf(B, 'c', 20)], [['l: 3'], 1, []]);
  });

  it('wake who waits for them, at both places', () => {
    const { object } = put(memory, A, 'k', 'one', 0, REPLICATED);
    const woken: string[] = [];
    memory.wait(A, K, [object.etag], (now) => void woken.push(`A: ${textOf(now)}`));
    memory.wait(B, K, undefined, (now) => void woken.push(`B: ${textOf(now)}`));
    memory.move(A, B, 'c', all, 0);
    assert.deepEqual(woken, ['A: undefined', 'B: one']);
  });

  it('leave other colors alone', () => {
    put(memory, A, 'k', 'one');
    const reservation = memory.reserve(A, at('k', 'd'), 0, 0);
    const increment = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };
    reservation.release();
    memory.increment(A, at('k', 'd'), 1, increment, 0);
    memory.move(A, B, 'c', all, 0);
    assert.deepEqual([keysOf(A, 'd'), keysOf(B, 'd'), keysOf(B)], [['k: 1'], [], ['k: 3']]);
  });
});
