import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import type { Reservation } from '../../../../../invoker/objects/memory/Reservation.js';
import type { StoredObject } from '../../../../../invoker/objects/memory/StoredObject.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { Condition, WriteOptions } from '../../../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';

const KB = 1024;
const MB = 1024 * KB;
/** The counted memory of an object with a color and a key of one character each. */
const COST = 1024 + 4;

const namespace = (name: string, limitBytes?: number): ObjectNamespace => ({ uuid: `uuid-${name}`, name, limitBytes });
const A = namespace('a');
const B = namespace('b');
const at = (key: string, color = 'c') => ({ color, key });

const PLAIN: WriteOptions = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };

const newMemory = (boundBytes = MB, more: { maxObjects?: number; maxKeysPerColor?: number } = {}): ObjectMemory =>
  new ObjectMemory({ epoch: 'e', boundBytes, ...more });

function put(
  memory: ObjectMemory,
  owner: ObjectNamespace,
  key: string,
  bytes: number | string,
  now = 0,
  options: Partial<WriteOptions> = {},
) {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.alloc(bytes);
  const reservation = memory.reserve(owner, at(key), buffer.length, now);
  return memory.put(owner, at(key), ObjectBytes.of(buffer), { ...PLAIN, ...options }, reservation, now);
}

const textOf = (object: StoredObject | undefined): string | undefined => object?.bytes.text();

const refused = (status: number, text?: RegExp) => (error: unknown) =>
  error instanceof ObjectError && error.status === status && (text?.test(error.message) ?? true);

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

  it('wakes all waits for one object', () => {
    const memory = newMemory();
    let woken = 0;
    for (let n = 0; n < 100; n++) memory.wait(A, at('k'), undefined, () => woken++);
    memory.increment(A, at('k'), 1, PLAIN, 0);
    assert.equal(woken, 100);
  });

  it('bounds the waits of one namespace, and of all', () => {
    const memory = new ObjectMemory({ epoch: 'e', boundBytes: MB, waits: { ofNamespace: 2, total: 3 } });
    const ends = [A, A, B].map((owner) => memory.wait(owner, at('k'), undefined, () => undefined));
    assert.throws(() => memory.wait(A, at('k'), undefined, () => undefined), refused(429));
    assert.throws(() => memory.wait(B, at('k'), undefined, () => undefined), refused(503));
    for (const end of ends) end();
    ends[0]?.();
    assert.equal(memory.counts().waits, 0);
    memory.wait(A, at('k'), undefined, () => undefined);
  });

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
      () => memory.append(limited, at('a'), Buffer.alloc(2 * KB), PLAIN, reservation(memory), 0),
      refused(429),
    );
    assert.equal(memory.peek(limited, at('a'), 0)?.bytes.length, 8 * KB);
    memory.delete(limited, at('a'), undefined, 0);
    put(memory, limited, 'b', 8 * KB);
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

  it('does what a simple model does, within its bound', () => {
    fc.assert(fc.property(fc.array(step(), { maxLength: 120, size: 'max' }), agreesWithModel), { numRuns: 200 });
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

const reservation = (memory: ObjectMemory): Reservation => memory.reserve(B, at('-'), 0, 0);

type Step =
  | { readonly op: 'put' | 'append'; readonly text: string; readonly ttlMs: number | undefined }
  | { readonly op: 'increment'; readonly by: number }
  | { readonly op: 'read' | 'delete' | 'list' }
  | { readonly op: 'pass'; readonly ms: number };

function step() {
  const key = fc.constantFrom('a', 'b', 'c');
  const color = fc.constantFrom('red', 'blue');
  const owner = fc.constantFrom(A, B);
  const condition = fc.constantFrom('none', 'absent', 'present', 'current', 'outdated');
  const text = fc.oneof(fc.constantFrom('1', '-2.5'), fc.string({ maxLength: 300 }));
  const write = fc.record({
    op: fc.constantFrom('put' as const, 'append' as const),
    text,
    ttlMs: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  });
  const op: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: write },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('increment' as const), by: fc.integer() }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('read' as const, 'delete' as const, 'list' as const) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('pass' as const), ms: fc.nat(200) }) },
  );
  return fc.record({ op, key, color, owner, condition });
}

interface Modelled {
  text: string;
  etag: string;
  expiresAt: number | undefined;
}

/** Applies the steps to the memory and to a map. The memory is large enough, so nothing is evicted. */
function agreesWithModel(
  steps: readonly { op: Step; key: string; color: string; owner: ObjectNamespace; condition: string }[],
): void {
  const memory = newMemory(MB);
  const model = new Map<string, Modelled>();
  let now = 0;
  for (const { op, key, color, owner, condition } of steps) {
    for (const [place, { expiresAt }] of model) if (expiresAt !== undefined && expiresAt <= now) model.delete(place);
    const address = { color, key };
    const place = `${owner.name}/${color}/${key}`;
    const there = model.get(place);
    const wanted = conditionOf(condition, there);
    const holds =
      !wanted ||
      (wanted.kind === 'absent' ? !there : there && (wanted.kind === 'present' || wanted.tags.includes(there.etag)));
    const options: WriteOptions = { ...PLAIN, condition: wanted };
    const woken: string[] = [];
    const end = memory.wait(owner, address, there ? [there.etag] : undefined, (object) => {
      woken.push(object?.etag ?? 'gone');
    });
    try {
      switch (op.op) {
        case 'put': {
          const bytes = ObjectBytes.ofText(op.text);
          const room = memory.reserve(owner, address, bytes.length, now);
          const { object, created } = memory.put(owner, address, bytes, { ...options, ttlMs: op.ttlMs }, room, now);
          assert.ok(holds);
          assert.equal(created, !there);
          const expiresAt = op.ttlMs === undefined ? undefined : now + op.ttlMs;
          model.set(place, { text: op.text, etag: object.etag, expiresAt });
          break;
        }
        case 'append': {
          const data = Buffer.from(op.text);
          const room = memory.reserve(owner, address, data.length, now);
          const { etag } = memory.append(owner, address, data, { ...options, ttlMs: op.ttlMs }, room, now);
          assert.ok(holds);
          const expiresAt = op.ttlMs === undefined ? there?.expiresAt : now + op.ttlMs;
          model.set(place, { text: (there?.text ?? '') + op.text, etag, expiresAt });
          break;
        }
        case 'increment': {
          const { object, sum } = memory.increment(owner, address, op.by, options, now);
          assert.ok(holds);
          assert.equal(sum, Number(there?.text ?? 0) + op.by);
          model.set(place, { text: String(sum), etag: object.etag, expiresAt: there?.expiresAt });
          break;
        }
        case 'delete': {
          memory.delete(owner, address, wanted, now);
          assert.ok(holds && there);
          model.delete(place);
          break;
        }
        case 'read': {
          const object = memory.read(owner, address, now);
          assert.equal(object?.etag, there?.etag);
          if (there) assert.equal(Buffer.concat(object?.bytes.pieces() ?? []).toString(), there.text);
          break;
        }
        case 'list': {
          const { objects } = memory.list(owner, { color, prefix: '', after: undefined, limit: 10 }, now);
          const expected = ['a', 'b', 'c'].filter((each) => model.has(`${owner.name}/${color}/${each}`));
          assert.deepEqual(
            objects.map((object) => object.key),
            expected,
          );
          break;
        }
        case 'pass':
          now += op.ms;
          memory.expire(now);
          break;
      }
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error;
      if (error.status === 412) assert.ok(!holds);
      else if (error.status === 404) assert.ok(op.op === 'delete' && !there);
      else {
        assert.equal(error.status, 400);
        assert.equal(op.op, 'increment');
      }
    }
    end();
    const after = model.get(place);
    if (op.op !== 'pass' && after?.etag !== there?.etag) assert.deepEqual(woken, [after?.etag ?? 'gone']);
    assert.equal(memory.counts().waits, 0);
  }
  for (const [place, { expiresAt }] of model) if (expiresAt !== undefined && expiresAt <= now) model.delete(place);
  memory.expire(now + 1000);
  memory.resize(0);
  assert.deepEqual(
    [memory.usedBytes, memory.counts().objects, memory.counts().namespaces, memory.expiring],
    [0, 0, 0, 0],
  );
}

function conditionOf(name: string, there: Modelled | undefined): Condition | undefined {
  switch (name) {
    case 'absent':
    case 'present':
      return { kind: name };
    case 'current':
      return { kind: 'tags', tags: [there?.etag ?? '"none"'] };
    case 'outdated':
      return { kind: 'tags', tags: ['"old"'] };
    default:
      return undefined;
  }
}
