import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import type { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { Persistence } from '../../../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';
import { A, at, B, COST, KB, MB, newMemory, PLAIN, put, refused } from './memories.js';

const KEPT = { persistence: 'replicated' } as const;
const TOO_MANY = /^Replicated objects are never evicted, and use \d+ of at most \d+ bytes/;

describe('replicated objects in an ObjectMemory', () => {
  it('stay whatever needs memory', () => {
    const memory = newMemory(8 * COST, { maxObjects: 5 });
    for (const key of ['a', 'b', 'c']) put(memory, A, key, 0, 0, KEPT);
    for (let n = 0; n < 20; n++) put(memory, A, `m${n}`, 0, 1 + n);
    memory.read(A, at('a'), 30);
    memory.resize(0);
    assert.deepEqual(
      memory.list(A, { color: 'c', prefix: '', after: undefined, limit: 10 }, 30).objects.map(({ key }) => key),
      ['a', 'b', 'c'],
    );
    assert.deepEqual([memory.keptBytes, memory.usedBytes, memory.counts().keptBytes], [3 * COST, 3 * COST, 3 * COST]);
  });

  it('have half of the memory, and a write that exceeds it changes nothing', () => {
    const memory = newMemory(8 * COST);
    put(memory, A, 'm', 0);
    for (const key of ['a', 'b', 'c']) put(memory, A, key, 0, 0, KEPT);
    put(memory, B, 'd', 0, 0, KEPT);
    assert.throws(() => put(memory, A, 'e', 0, 1, KEPT), refused(503, TOO_MANY));
    assert.throws(() => memory.increment(A, at('n'), 1, { ...PLAIN, ...KEPT }, 1), refused(503, TOO_MANY));
    const before = memory.peek(A, at('a'), 1);
    const append = (): unknown =>
      memory.append(A, at('a'), Buffer.alloc(KB), PLAIN, memory.reserve(A, at('a'), KB, 1), 1);
    assert.throws(append, refused(503, TOO_MANY));
    assert.equal(memory.peek(A, at('a'), 1), before);
    // A change of the persistence.
    const cached = memory.peek(A, at('m'), 1);
    assert.throws(() => put(memory, A, 'm', 0, 1, KEPT), refused(503, TOO_MANY));
    assert.equal(memory.peek(A, at('m'), 1), cached);
    assert.equal(memory.counts().evictions, 0);
    // A namespace that has nothing is forgotten.
    assert.throws(() => put(memory, { uuid: 'x', name: 'x', limitBytes: undefined }, 'e', COST, 1, KEPT), refused(503));
    assert.equal(memory.counts().namespaces, 2);
    // An object that becomes one of memory makes room.
    put(memory, A, 'a', 0, 2, { persistence: 'memory' });
    put(memory, A, 'm', 0, 2, KEPT);
  });

  it('can be written again while their memory is full and none is free', () => {
    const memory = newMemory(8 * KB);
    put(memory, A, 'a', 3 * KB - 4, 0, KEPT);
    memory.resize(4 * KB);
    for (let n = 1; n < 4; n++) put(memory, A, 'a', 3 * KB - 4, n);
    memory.resize(0);
    put(memory, A, 'a', 3 * KB - 4, 5);
    // Also while a response sends the version before.
    const { object } = put(memory, A, 'a', 3 * KB - 4, 6);
    const release = memory.hold(A, at('a'), object);
    put(memory, A, 'a', 3 * KB - 4, 7);
    assert.equal(memory.keptBytes, 8 * KB);
    assert.throws(() => put(memory, A, 'b', 0, 8, KEPT), refused(503));
    release?.();
    assert.deepEqual([memory.keptBytes, memory.usedBytes], [4 * KB, 4 * KB]);
    // A larger one needs room.
    assert.throws(() => memory.reserve(A, at('a'), 4 * KB + 1, 9), refused(503));
    assert.equal(memory.usedBytes, 4 * KB);
  });

  it('are refused before their body is read', () => {
    const memory = newMemory(8 * COST);
    put(memory, A, 'a', 2 * COST, 0, KEPT);
    put(memory, A, 'm', 0, 0);
    const check =
      (key: string, bytes: number, persistence?: Persistence, appends = false) =>
      (): void =>
        memory.requireKeepable(A, at(key), { persistence, bytes, appends }, 1);
    check('b', 0, 'replicated')();
    assert.throws(check('b', 1, 'replicated'), refused(503, TOO_MANY));
    assert.throws(check('m', 1, 'replicated'), refused(503, TOO_MANY));
    for (const persistence of ['memory', 'stored', undefined] as const) check('m', MB, persistence)();
    check('a', 3 * COST)();
    assert.throws(check('a', 3 * COST + 1), refused(503, TOO_MANY));
    check('a', 3 * COST + 1, 'memory')();
    // An append leaves room for others.
    assert.throws(check('a', 1, undefined, true), refused(503, TOO_MANY));
    check('b', 0, 'replicated', true)();
    assert.throws(check('b', 1, 'replicated', true), refused(503, TOO_MANY));
  });

  it('are never evicted, count exactly, and can always be written again', () => {
    fc.assert(fc.property(fc.array(step(), { maxLength: 120, size: 'max' }), keepsThem), { numRuns: 300 });
  });
});

interface Step {
  readonly op: 'put' | 'append' | 'increment' | 'delete' | 'resize' | 'hold' | 'release' | 'reserve' | 'again';
  readonly owner: ObjectNamespace;
  readonly key: string;
  readonly bytes: number;
  readonly persistence: Persistence | undefined;
}

const step = (): fc.Arbitrary<Step> =>
  fc.record({
    op: fc.constantFrom(
      'put' as const,
      'put' as const,
      'append' as const,
      'increment' as const,
      'delete' as const,
      'resize' as const,
      'hold' as const,
      'release' as const,
      'reserve' as const,
      'again' as const,
    ),
    owner: fc.constantFrom(A, B),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    bytes: fc.nat(20 * KB),
    persistence: fc.constantFrom('memory' as const, 'stored' as const, 'replicated' as const, undefined),
  });

const BOUND = 64 * KB;

/** Applies the steps to a memory that is too small for all objects, beside the set of replicated ones. */
function keepsThem(steps: readonly Step[]): void {
  const memory = newMemory(BOUND, { maxObjects: 6 });
  const kept = new Map<string, { readonly owner: ObjectNamespace; readonly key: string; readonly etag: string }>();
  const releases: (() => void)[] = [];
  let held = 0;
  for (const [now, { op, owner, key, bytes, persistence }] of steps.entries()) {
    const place = `${owner.uuid}/${key}`;
    const before = memory.peek(owner, at(key), now);
    const keptBefore = memory.keptBytes;
    try {
      apply(memory, { op, owner, key, bytes, persistence }, now, releases);
    } catch (error) {
      assert.ok(error instanceof ObjectError, String(error));
      if (op !== 'delete') assert.equal(memory.keptBytes, keptBefore);
      if (op === 'again') assert.fail(`not written again: ${error.message}`);
      if (before?.persistence === 'replicated') assert.equal(memory.peek(owner, at(key), now), before);
    }
    const after = memory.peek(owner, at(key), now);
    if (after?.persistence === 'replicated') kept.set(place, { owner, key, etag: after.etag });
    else if (op === 'put' || op === 'delete' || op === 'increment' || op === 'append') kept.delete(place);
    for (const each of kept.values()) assert.equal(memory.peek(each.owner, at(each.key), now)?.etag, each.etag);
    if (op === 'hold') held = 1;
    if (releases.length === 0) held = 0;
    const cost = [...kept.values()].reduce(
      (sum, each) => sum + (memory.peek(each.owner, at(each.key), now)?.bytes.capacity ?? 0) + COST,
      0,
    );
    if (held === 0) {
      assert.equal(memory.keptBytes, cost);
      assert.ok(cost <= BOUND / 2, String(cost));
    }
  }
  for (const release of releases) release();
  for (const { owner, key } of kept.values()) memory.delete(owner, at(key), undefined, steps.length);
  memory.resize(0);
  assert.deepEqual([memory.keptBytes, memory.usedBytes, memory.counts().namespaces], [0, 0, 0]);
}

function apply(
  memory: ObjectMemory,
  { op, owner, key, bytes, persistence }: Step,
  now: number,
  releases: (() => void)[],
): void {
  const options = { ...PLAIN, persistence };
  const before = memory.peek(owner, at(key), now);
  switch (op) {
    case 'put':
      put(memory, owner, key, bytes, now, options);
      break;
    case 'append':
      memory.append(owner, at(key), Buffer.alloc(bytes), options, memory.reserve(owner, at(key), bytes, now), now);
      break;
    case 'increment':
      memory.increment(owner, at(key), bytes, options, now);
      break;
    case 'delete':
      memory.delete(owner, at(key), undefined, now);
      break;
    case 'resize':
      memory.resize(bytes * 4);
      break;
    case 'hold': {
      const release = before && memory.hold(owner, at(key), before);
      if (release) releases.push(release);
      break;
    }
    case 'release':
      releases.shift()?.();
      break;
    case 'reserve': {
      const reservation = memory.reserve(owner, at(key), bytes, now);
      releases.push(() => reservation.release());
      break;
    }
    case 'again': {
      // Other bodies of the namespace and other responses end first.
      if (releases.length > 0 || before?.persistence !== 'replicated') break;
      const same = ObjectBytes.of(Buffer.alloc(before.bytes.capacity));
      memory.put(owner, at(key), same, PLAIN, memory.reserve(owner, at(key), same.length, now), now);
      break;
    }
  }
}
