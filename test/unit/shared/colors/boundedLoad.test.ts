import assert from 'node:assert/strict';
import fc from 'fast-check';
import { POLICY_OPTIONS } from '../../../../shared/colors/ColorPolicy.js';
import { COLORS, make } from './policySetup.js';
import { FREE, range, seeded, zipf } from './workload.js';

describe('bounded load', () => {
  it('passes over an invoker that has its share, as in the example', () => {
    const policy = make('bounded-load', 4, { ...POLICY_OPTIONS, loadFloor: 1 });
    const load = [160, 80, 80, 79];
    const room = { ...FREE, underWay: (invoker: number) => load[invoker] as number, totalUnderWay: 399 };
    for (const color of COLORS.slice(0, 200)) {
      const [home, next] = policy.homes(color);
      const choice = policy.assign(color, room);
      assert.deepEqual(choice, home === 0 ? { invoker: next, rank: 1 } : { invoker: home, rank: 0 });
    }
    const higher = make('bounded-load', 4, { ...POLICY_OPTIONS, loadFloor: 200 });
    for (const color of COLORS.slice(0, 200)) assert.equal(higher.assign(color, room)?.rank, 0);
  });

  it('allows for chance: of equally hot colors under load, few leave their homes', () => {
    const policy = make('bounded-load', 10, { ...POLICY_OPTIONS, loadFloor: 1 });
    const random = seeded(1);
    const load = range(10).map(() => 0);
    const placed: number[] = [];
    let away = 0;
    for (let i = 0; i < 20_000; i++) {
      // Fifty at a time; one ends, by chance.
      if (placed.length === 50) {
        const [ended] = placed.splice(Math.floor(random() * 50), 1);
        (load[ended as number] as number)--;
      }
      const color = COLORS[Math.floor(random() * COLORS.length)] as number;
      const room = { ...FREE, underWay: (invoker: number) => load[invoker] as number, totalUnderWay: placed.length };
      const choice = policy.assign(color, room);
      assert.ok(choice);
      if (choice.rank > 0) away++;
      placed.push(choice.invoker);
      (load[choice.invoker] as number)++;
    }
    assert.ok(away / 20_000 < 0.01, `${away} of 20,000`);
  });

  it('gives no invoker more than its bound, however many there are, and however hot a color is', () => {
    const options = fc.record({
      invokers: fc.integer({ min: 1, max: 60 }),
      loadFactor: fc.double({ min: 1.01, max: 3, noNaN: true }),
      /** 0: all colors equally often; 3: nearly one alone. */
      exponent: fc.double({ min: 0, max: 3, noNaN: true }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(options, ({ invokers, loadFactor, exponent, seed }) => {
        const policy = make('bounded-load', invokers, { ...POLICY_OPTIONS, loadFactor, seed, loadFloor: 1 });
        const random = seeded(seed);
        const draw = zipf(50, exponent, random);
        const load = range(invokers).map(() => 0);
        const placed: number[] = [];
        for (let i = 0; i < 400; i++) {
          // One ends for four that begin.
          if (random() < 0.25 && placed.length > 0) {
            const [ended] = placed.splice(Math.floor(random() * placed.length), 1);
            (load[ended as number] as number)--;
          }
          const total = placed.length;
          const room = { ...FREE, underWay: (invoker: number) => load[invoker] as number, totalUnderWay: total };
          const choice = policy.assign(COLORS[draw()] as number, room);
          assert.ok(choice);
          placed.push(choice.invoker);
          (load[choice.invoker] as number)++;
          const share = (total + 1) / invokers;
          assert.ok((load[choice.invoker] as number) <= Math.ceil(loadFactor * share + 3 * Math.sqrt(share)));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps colors at home at a low load: the bound has a floor', () => {
    const policy = make('bounded-load', 10);
    const load = range(10).map(() => 0);
    let home = 0;
    for (const color of COLORS.slice(0, 1000)) {
      // Three at a time.
      const total = load.reduce((sum, one) => sum + one, 0);
      const choice = policy.assign(color, { ...FREE, underWay: (i) => load[i] ?? 0, totalUnderWay: total });
      if (choice?.rank === 0) home++;
      if (total === 3) load.fill(0);
      if (choice) (load[choice.invoker] as number)++;
    }
    assert.equal(home, 1000);
  });

  it('takes an invoker over the bound rather than none', () => {
    const policy = make('bounded-load', 2);
    const room = { accepts: (invoker: number) => invoker === 0, underWay: () => 100, totalUnderWay: 0 };
    assert.equal(policy.assign(1, room)?.invoker, 0);
  });
});
