import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parsePoolName, poolName, selects, type PoolSelector } from '../../../../controller/loadbalancer/pools.js';
import { Shares } from '../../../../controller/loadbalancer/Shares.js';
import { BALANCER } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const invoker = (instance: number, tags: string[] = [], dedicatedNamespaces: string[] = []) => ({
  ...invokerInstance(instance, `host${instance}`, 1024),
  tags,
  dedicatedNamespaces,
});
/** As in OpenWhisk's document on tag-based scheduling. */
const TAGGED = [
  ['v1', 'gpu'],
  ['v1', 'cpu'],
  ['v2', 'gpu'],
  ['v2', 'cpu'],
  ['v1', 'mem'],
  ['v2', 'mem'],
  ['v2'],
  ['v2'],
  [],
  [],
].map((tags, i) => invoker(i, tags));
const managed = (more: Partial<PoolSelector> = {}): PoolSelector => ({ kind: 'managed', ...more });

describe('the pools of invokers', () => {
  it('are those of the examples in OpenWhisk documents', () => {
    const examples: [string[], number[]][] = [
      [['v1', 'gpu'], [0]],
      [['v2', 'gpu'], [2]],
      [['v1', 'cpu'], [1]],
      [['v2'], [2, 3, 5, 6, 7]],
      [['v1'], [0, 1, 4]],
    ];
    for (const [tags, expected] of examples) {
      assert.deepEqual(selects(TAGGED, managed({ tags })), { preferred: expected, others: [] });
    }
    assert.deepEqual(selects(TAGGED, managed()), { preferred: [8, 9], others: [0, 1, 2, 3, 4, 5, 6, 7] });
  });

  it('have no invoker for tags that no invoker has, unless the tags are optional', () => {
    assert.deepEqual(selects(TAGGED, managed({ tags: ['tpu'] })), { preferred: [], others: [] });
    const wish = selects(TAGGED, managed({ tags: ['tpu'], strict: false }));
    assert.deepEqual(wish, { preferred: [8, 9], others: [0, 1, 2, 3, 4, 5, 6, 7] });
  });

  it('have a dedicated invoker for its namespaces alone', () => {
    const two = [invoker(0, ['dedicated'], ['one']), invoker(1, [], ['two', 'three']), invoker(2)];
    assert.deepEqual(selects(two, managed()), { preferred: [2], others: [] });
    assert.deepEqual(selects(two, managed({ namespace: 'two' })), { preferred: [1, 2], others: [] });
    assert.deepEqual(selects(two, managed({ namespace: 'one', tags: ['dedicated'] })).preferred, [0]);
    assert.deepEqual(selects(two, managed({ namespace: 'two', tags: ['dedicated'] })).preferred, []);
  });

  it('have names from which they can be found again', () => {
    const text = fc.string({ minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.constantFrom('managed' as const, 'blackbox' as const),
        fc.option(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }), { nil: undefined }),
        fc.boolean(),
        fc.option(text, { nil: undefined }),
        (kind, tags, strict, namespace) => {
          const name = poolName({ kind, tags, strict, namespace });
          const parsed = parsePoolName(name);
          assert.ok(parsed);
          assert.equal(poolName(parsed), name);
          assert.deepEqual(parsed.tags, tags?.toSorted());
          assert.equal(parsed.namespace, namespace);
        },
      ),
    );
    for (const no of ['', 'other', 'tags:', 'managed@', 'tags:%']) assert.equal(parsePoolName(no), undefined, no);
  });

  it('are not divided anew for each namespace, and follow the tags as they change', () => {
    const shares = new Shares({ ...BALANCER.shares, managedFraction: 1 });
    const up = (...instances: ReturnType<typeof invoker>[]): void =>
      shares.updateInvokers(instances.map((instance) => ({ instance, status: 'up' })));
    const numbers = (selector: PoolSelector): number[] =>
      shares.pool(selector).candidates.map(({ instance }) => instance);
    up(invoker(0), invoker(1));
    assert.deepEqual(numbers(managed({ namespace: 'a' })), [0, 1]);
    assert.equal(shares.pool(managed({ namespace: 'a' })), shares.pool(managed({ namespace: 'b' })));
    up(invoker(0), invoker(1, ['gpu']));
    assert.deepEqual(numbers(managed()), [0]);
    assert.deepEqual(
      shares.pool(managed()).fallback?.candidates.map(({ instance }) => instance),
      [1],
    );
    assert.deepEqual(numbers(managed({ tags: ['gpu'] })), [1]);
    up(invoker(0, [], ['a']), invoker(1, ['gpu']));
    assert.deepEqual(numbers(managed({ namespace: 'a' })), [0]);
    assert.deepEqual(numbers(managed({ namespace: 'b' })), [1], 'with nobody without tags it takes those with tags');
  });
});
