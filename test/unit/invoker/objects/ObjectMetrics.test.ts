import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import type { ObjectCounts } from '../../../../invoker/objects/messages.js';
import { ObjectMetrics } from '../../../../invoker/objects/ObjectMetrics.js';

const COUNTS: ObjectCounts = {
  boundBytes: 1000,
  keptBytes: 40,
  usedBytes: 100,
  objects: 2,
  namespaces: 1,
  waits: 3,
  hits: 5,
  misses: 4,
  evictions: 1,
  refusals: 1,
  waitsMet: 7,
  waitsLate: 6,
  evicted: [{ name: 'guest', evictions: 1 }],
  largest: [],
  sharing: { forwarded: 2, adopted: 0, given: 0, moved: 1, loaded: 3, validated: 1, peerBytes: 500, storeBytes: 20 },
};

async function lines(registry: Registry, name: string): Promise<string[]> {
  const text = await registry.getSingleMetricAsString(name);
  return text.split('\n').filter((line) => !line.startsWith('#'));
}

describe('ObjectMetrics', () => {
  it('shows the memory of objects, and the part of it that is kept', async () => {
    const registry = new Registry();
    new ObjectMetrics(registry).of('invoker0')(COUNTS);
    assert.deepEqual(await lines(registry, 'invoker_objects_bytes'), ['invoker_objects_bytes{invoker="invoker0"} 100']);
    const kept = 'invoker_objects_kept_bytes';
    assert.deepEqual(await lines(registry, kept), [`${kept}{invoker="invoker0"} 40`]);
  });

  it('adds the counters of a worker that started again to those of the earlier one', async () => {
    const registry = new Registry();
    const take = new ObjectMetrics(registry).of('invoker0');
    take(COUNTS);
    const more = { ...COUNTS.sharing, peerBytes: 600, storeBytes: 30 };
    take({ ...COUNTS, hits: 8, waits: 0, evicted: [], sharing: more });
    take({ ...COUNTS, hits: 2, misses: 0, evicted: [], sharing: { ...COUNTS.sharing, forwarded: 1 } });
    const elsewhere = await lines(registry, 'invoker_objects_elsewhere_total');
    assert.deepEqual(
      elsewhere.map((line) => line.replace(/.*how=/, '')),
      ['"forwarded"} 3', '"validated"} 2', '"moved"} 2', '"stored"} 6'],
    );
    assert.deepEqual(await lines(registry, 'invoker_objects_moved_bytes_total'), [
      'invoker_objects_moved_bytes_total{invoker="invoker0",with="invokers"} 1100',
      'invoker_objects_moved_bytes_total{invoker="invoker0",with="store"} 50',
    ]);
    assert.deepEqual(await lines(registry, 'invoker_objects_reads_total'), [
      'invoker_objects_reads_total{invoker="invoker0",outcome="local"} 10',
      'invoker_objects_reads_total{invoker="invoker0",outcome="missing"} 4',
    ]);
    assert.deepEqual(await lines(registry, 'invoker_objects_waiting'), [
      'invoker_objects_waiting{invoker="invoker0"} 3',
    ]);
    assert.deepEqual(await lines(registry, 'invoker_objects_evictions_total'), [
      'invoker_objects_evictions_total{invoker="invoker0",namespace="guest"} 1',
    ]);
  });

  it('bounds the number of namespaces with a label of their own', async () => {
    const registry = new Registry();
    const take = new ObjectMetrics(registry).of('invoker0');
    const evicted = Array.from({ length: 200 }, (_, n) => ({ name: `n${n}`, evictions: 1 }));
    take({ ...COUNTS, evicted });
    take({ ...COUNTS, evicted });
    const found = await lines(registry, 'invoker_objects_evictions_total');
    assert.equal(found.length, 51);
    assert.ok(found.includes('invoker_objects_evictions_total{invoker="invoker0",namespace="others"} 300'));
  });
});
