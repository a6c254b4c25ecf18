import assert from 'node:assert/strict';
import type { NewDocument } from '../../../../../shared/store/ArtifactStore.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../../shared/store/embedded/open.js';
import { Retention, type RetentionLimits } from '../../../../../shared/store/embedded/Retention.js';

const activation = (n: number): NewDocument =>
  ({
    _id: `guest${n % 3}/${n}`,
    activationId: `${n}`,
    namespace: `guest${n % 3}`,
    name: 'n',
    start: n,
    end: n,
    annotations: [],
    logs: ['x'.repeat(500)],
  }) as NewDocument;

describe('Retention', () => {
  let stores: EmbeddedStores;
  beforeEach(async () => {
    stores = await openTemporaryStores();
    await stores.activations.putMany(Array.from({ length: 3000 }, (_, n) => activation(n)));
  });
  afterEach(() => stores.close());

  const retention = (limits: RetentionLimits): Retention =>
    new Retention({
      limits,
      activations: stores.activations,
      usedBytes: () => stores.usedBytes(),
      now: () => 10_000,
      pauseMs: 0,
    });
  const left = async (): Promise<number[]> => {
    const rows = await stores.activations.query('activations/byDate', { startKey: null, endKey: 1e9 });
    return rows.map(({ key }) => Number(key));
  };

  it('removes records that are older than the age, in every list', async () => {
    assert.equal(await retention({ maxAgeMs: 8000 }).pass(), 2000);
    assert.equal((await left())[0], 2000);
    const query = { startKey: ['guest0', 0], endKey: ['guest0', '\ufff0'] };
    assert.equal(await stores.activations.count('whisks.v2.1.0/activations', query), 333);
    assert.equal(await retention({ maxAgeMs: 8000 }).pass(), 0);
  });

  it('removes the oldest until the size is below its bound', async () => {
    const bound = stores.usedBytes() / 2;
    const removed = await retention({ maxBytes: bound }).pass();
    assert.ok(stores.usedBytes() <= bound);
    assert.ok(removed > 1000 && removed < 3000, `${removed}`);
    assert.equal((await left())[0], removed, 'the youngest are left');
    assert.equal(await retention({ maxBytes: bound }).pass(), 0);
  });

  it('applies the bound that is reached first, and removes nothing without a bound', async () => {
    assert.equal(await retention({}).pass(), 0);
    assert.equal(await retention({ maxBytes: 1e9, maxAgeMs: 9000 }).pass(), 1000);
  });

  it('ends in the middle when it is stopped', async () => {
    const one = new Retention({
      limits: { maxAgeMs: 1 },
      activations: stores.activations,
      usedBytes: () => 0,
      now: () => 10_000,
      pauseMs: 60_000,
    });
    one.start();
    while ((await left()).length === 3000) await new Promise(setImmediate);
    await one.stop();
    assert.equal((await left()).length, 2500);
  });
});
