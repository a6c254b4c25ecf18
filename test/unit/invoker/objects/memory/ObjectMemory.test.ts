import assert from 'node:assert/strict';
import type { Condition } from '../../../../../shared/objects/ObjectRequest.js';
import { A, at, B, MB, newMemory, PLAIN, put, refused, textOf } from './memories.js';

describe('ObjectMemory', () => {
  it('reads the last write, with another tag for each write', () => {
    const memory = newMemory();
    const first = put(memory, A, 'k', 'one', 0, { contentType: 'text/plain' });
    assert.equal(first.created, true);
    assert.equal(textOf(memory.read(A, at('k'), 1)), 'one');
    const second = put(memory, A, 'k', 'two', 2);
    assert.equal(second.created, false);
    assert.notEqual(second.object.etag, first.object.etag);
    assert.equal(first.object.contentType, 'text/plain');
    assert.equal(second.object.contentType, 'application/octet-stream');
    assert.equal(textOf(memory.read(A, at('k'), 3)), 'two');
  });

  it('separates namespaces, colors and keys', () => {
    const memory = newMemory();
    put(memory, A, 'k', 'x');
    assert.equal(memory.read(B, at('k'), 0), undefined);
    assert.equal(memory.read(A, at('k', 'other'), 0), undefined);
    assert.equal(memory.read(A, at('other'), 0), undefined);
  });

  it('writes only if the condition holds', () => {
    const memory = newMemory();
    const write = (condition: Condition) => put(memory, A, 'k', 'x', 0, { condition }).object.etag;
    assert.throws(() => write({ kind: 'present' }), refused(412));
    assert.throws(() => write({ kind: 'tags', tags: ['"?"'] }), refused(412));
    const etag = write({ kind: 'absent' });
    assert.throws(() => write({ kind: 'absent' }), refused(412));
    assert.throws(() => write({ kind: 'tags', tags: ['"?"'] }), refused(412));
    const next = write({ kind: 'tags', tags: ['"?"', etag] });
    assert.throws(() => memory.delete(A, at('k'), { kind: 'tags', tags: [etag] }, 0), refused(412));
    memory.delete(A, at('k'), { kind: 'tags', tags: [next] }, 0);
    assert.throws(() => memory.delete(A, at('k'), undefined, 0), refused(404));
    assert.throws(() => memory.delete(A, at('k'), { kind: 'present' }, 0), refused(412));
    assert.equal(memory.usedBytes, 0);
  });

  it('adds to numbers, and refuses what is not an exact number', () => {
    const memory = newMemory();
    const add = (by: number) => memory.increment(A, at('n'), by, PLAIN, 0).sum;
    assert.equal(add(1), 1);
    assert.equal(add(41), 42);
    assert.equal(add(-0.5), 41.5);
    assert.equal(textOf(memory.read(A, at('n'), 0)), '41.5');
    put(memory, A, 'n', ' 7\n');
    assert.equal(add(1), 8);
    put(memory, A, 'n', String(Number.MAX_SAFE_INTEGER));
    assert.throws(() => add(1), refused(400, /not exact/));
    put(memory, A, 'n', '1e308');
    assert.throws(() => add(1e308), refused(400, /too large/));
    for (const text of ['', 'x', '1 2', '0x10', 'Infinity', '1'.repeat(33)]) {
      put(memory, A, 'n', text);
      assert.throws(() => add(1), refused(400, /not a decimal number/), text);
    }
  });

  it('keeps type, persistence and time of an object that it changes, unless told otherwise', () => {
    const memory = newMemory();
    put(memory, A, 'k', 'a', 0, { contentType: 'text/css', persistence: 'stored', ttlMs: 100 });
    const appended = memory.append(A, at('k'), Buffer.from('b'), PLAIN, memory.reserve(A, at('k'), 1, 1), 1);
    assert.deepEqual(
      [textOf(appended), appended.contentType, appended.persistence, appended.expiresAt],
      ['ab', 'text/css', 'stored', 100],
    );
    const options = { ...PLAIN, ttlMs: 500, contentType: 'text/html', persistence: 'memory' } as const;
    const again = memory.append(A, at('k'), Buffer.from('c'), options, memory.reserve(A, at('k'), 1, 1), 1);
    assert.deepEqual(
      [textOf(again), again.contentType, again.persistence, again.expiresAt],
      ['abc', 'text/html', 'memory', 501],
    );
    assert.equal(put(memory, A, 'k', 'd', 2).object.expiresAt, undefined);
  });

  it('does not read an object from its expiry on', () => {
    const memory = newMemory();
    put(memory, A, 'k', 'x', 10, { ttlMs: 5 });
    assert.equal(textOf(memory.read(A, at('k'), 14)), 'x');
    assert.equal(memory.list(A, { color: 'c', prefix: '', after: undefined, limit: 10 }, 15).objects.length, 0);
    assert.equal(memory.read(A, at('k'), 15), undefined);
    assert.equal(memory.usedBytes, 0);
    assert.equal(put(memory, A, 'k', 'y', 16, { condition: { kind: 'absent' } }).created, true);
  });

  it('removes expired objects in time, and no others', () => {
    const memory = newMemory();
    put(memory, A, 'a', 'x', 0, { ttlMs: 1000 });
    put(memory, A, 'b', 'x', 0, { ttlMs: 2000 });
    put(memory, A, 'b', 'x', 0, { ttlMs: 9000 });
    memory.expire(999);
    assert.equal(memory.counts().objects, 2);
    memory.expire(1000);
    assert.equal(memory.counts().objects, 1);
    memory.expire(8999);
    assert.equal(memory.expiring, 1);
    memory.expire(1e9);
    assert.deepEqual([memory.expiring, memory.counts().objects, memory.usedBytes], [0, 0, 0]);
  });

  it('wakes a wait once, at the first change that ends it', () => {
    const memory = newMemory();
    const woken: unknown[] = [];
    memory.wait(A, at('k'), undefined, (object) => woken.push(textOf(object)));
    put(memory, A, 'other', 'x');
    put(memory, B, 'k', 'x');
    assert.equal(woken.length, 0);
    const { object } = put(memory, A, 'k', 'one');
    put(memory, A, 'k', 'two');
    assert.equal(woken.join(), 'one');
    memory.wait(A, at('k'), [object.etag], () => assert.fail('the tag differs already'))();
    const now = memory.read(A, at('k'), 0);
    memory.wait(A, at('k'), [now?.etag ?? ''], (next) => woken.push(textOf(next)));
    memory.delete(A, at('k'), undefined, 0);
    memory.wait(A, at('k'), 'any', () => woken.push('gone'));
    put(memory, A, 'k', 'three', 0, { ttlMs: 10 });
    memory.expire(1000);
    assert.deepEqual(woken, ['one', undefined, 'gone']);
    assert.equal(memory.counts().waits, 0);
  });

  it('refuses an object of more than 64 MB before its bytes arrive', () => {
    const memory = newMemory(200 * MB);
    assert.throws(() => memory.reserve(A, at('k'), 64 * MB + 1, 0), refused(413));
    const growing = memory.reserve(A, at('k'), 64 * MB, 0);
    assert.throws(() => growing.grow(1, 0), refused(413));
    growing.release();
    growing.release();
    assert.deepEqual([memory.usedBytes, memory.counts().namespaces], [0, 0]);
  });

  it('lists by prefix in order, page by page', () => {
    const memory = newMemory();
    for (const key of ['b1', 'a2', 'a1', 'a10', 'c']) put(memory, A, key, key);
    const list = (prefix: string, limit = 10, after?: string) => {
      const { objects, more } = memory.list(A, { color: 'c', prefix, after, limit }, 0);
      return [objects.map(({ key }) => key).join(), more];
    };
    assert.deepEqual(list(''), ['a1,a10,a2,b1,c', false]);
    assert.deepEqual(list('a'), ['a1,a10,a2', false]);
    assert.deepEqual(list('a', 2), ['a1,a10', true]);
    assert.deepEqual(list('a', 2, 'a10'), ['a2', false]);
    assert.deepEqual(list('x'), ['', false]);
    assert.deepEqual(memory.list(B, { color: 'c', prefix: '', after: undefined, limit: 1 }, 0).objects, []);
    const [first] = memory.list(A, { color: 'c', prefix: 'b', after: undefined, limit: 1 }, 0).objects;
    assert.deepEqual(first, {
      key: 'b1',
      bytes: 2,
      contentType: 'application/octet-stream',
      etag: memory.peek(A, at('b1'), 0)?.etag,
      persistence: 'memory',
    });
  });
});
