import assert from 'node:assert/strict';
import { ObjectCaches } from '../../../../../controller/simulate/engine/ObjectCaches.js';
import { seeded } from '../../../../../controller/simulate/engine/random.js';

const WORKERS = 7;
const OBJECTS = 400;

describe('the caches of workers', () => {
  it('keep and drop the same objects as a list in the order of use, for random sizes and versions', () => {
    const random = seeded(5);
    const draw = (count: number): number => Math.floor(random() * count);
    const caches = new ObjectCaches(WORKERS, OBJECTS, 1000);
    const sizes = Array.from({ length: OBJECTS }, () => 1 + draw(60));
    const model = Array.from({ length: WORKERS }, () => new Map<number, number>());
    for (let step = 0; step < 40_000; step++) {
      const [worker, object, version] = [draw(WORKERS), draw(OBJECTS), draw(2)];
      const kept = model[worker] as Map<number, number>;
      const expected = kept.get(object) === version;
      assert.equal(caches.has(worker, object, version), expected, `step ${step}`);
      if (expected) kept.delete(object);
      else caches.keep(worker, object, sizes[object], version);
      kept.delete(object);
      const used = (): number => [...kept.keys()].reduce((sum, one) => sum + (sizes[one] ?? 0), 0);
      while (used() + (sizes[object] ?? 0) > 1000) kept.delete(kept.keys().next().value as number);
      kept.set(object, version);
      if (step % 9000 === 8999) {
        caches.clear(worker);
        kept.clear();
      }
    }
  });

  it('do not keep an object that is larger than the cache', () => {
    const caches = new ObjectCaches(1, 2, 10);
    caches.keep(0, 0, 4);
    caches.keep(0, 1, 11);
    assert.equal(caches.has(0, 1), false);
    assert.equal(caches.has(0, 0), true);
  });
});
