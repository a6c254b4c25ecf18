import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';
import type { Condition, Persistence, WriteOptions } from '../../../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../../../shared/objects/ObjectToken.js';
import { A, B, MB, newMemory, PLAIN } from './memories.js';

describe('ObjectMemory, beside a model', () => {
  it('does what a simple model does, within its bound', () => {
    fc.assert(fc.property(fc.array(step(), { maxLength: 120, size: 'max' }), agreesWithModel), { numRuns: 200 });
  });
});

type Step =
  | {
      readonly op: 'put' | 'append';
      readonly text: string;
      readonly ttlMs: number | undefined;
      readonly persistence: Persistence | undefined;
    }
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
    persistence: fc.constantFrom('memory' as const, 'replicated' as const, 'stored' as const, undefined),
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
  persistence: Persistence;
}

/** Applies the steps to the memory and to a map. The memory is large enough, so nothing is evicted before the end. */
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
    const persistence = ('persistence' in op ? op.persistence : undefined) ?? there?.persistence ?? 'memory';
    const woken: string[] = [];
    const end = memory.wait(owner, address, there ? [there.etag] : undefined, (object) => {
      woken.push(object?.etag ?? 'gone');
    });
    try {
      switch (op.op) {
        case 'put': {
          const bytes = ObjectBytes.ofText(op.text);
          const room = memory.reserve(owner, address, bytes.length, now);
          const { object, created } = memory.put(
            owner,
            address,
            bytes,
            { ...options, ttlMs: op.ttlMs, persistence: op.persistence },
            room,
            now,
          );
          assert.ok(holds);
          assert.equal(created, !there);
          const expiresAt = op.ttlMs === undefined ? undefined : now + op.ttlMs;
          model.set(place, { text: op.text, etag: object.etag, expiresAt, persistence });
          break;
        }
        case 'append': {
          const data = Buffer.from(op.text);
          const room = memory.reserve(owner, address, data.length, now);
          const { etag } = memory.append(
            owner,
            address,
            data,
            { ...options, ttlMs: op.ttlMs, persistence: op.persistence },
            room,
            now,
          );
          assert.ok(holds);
          const expiresAt = op.ttlMs === undefined ? there?.expiresAt : now + op.ttlMs;
          model.set(place, { text: (there?.text ?? '') + op.text, etag, expiresAt, persistence });
          break;
        }
        case 'increment': {
          const { object, sum } = memory.increment(owner, address, op.by, options, now);
          assert.ok(holds);
          assert.equal(sum, Number(there?.text ?? 0) + op.by);
          model.set(place, { text: String(sum), etag: object.etag, expiresAt: there?.expiresAt, persistence });
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
          assert.deepEqual([object?.etag, object?.persistence], [there?.etag, there?.persistence]);
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
  // All with a TTL are gone then.
  memory.expire(now + 1000);
  memory.resize(0);
  const kept = [...model.values()].filter(
    ({ persistence, expiresAt }) => persistence === 'replicated' && expiresAt === undefined,
  ).length;
  assert.equal(memory.counts().objects, kept);
  assert.equal(memory.keptBytes, memory.usedBytes);
  assert.equal(memory.keptBytes > 0, kept > 0);
  for (const owner of [A, B]) for (const color of ['red', 'blue']) memory.clear(owner, color);
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
