import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { colorKey } from '../../../../shared/colors/colorKey.js';
import {
  POLICY_NAMES,
  POLICY_OPTIONS,
  type ColorPolicy,
  type PolicyName,
  type SharedUpdate,
} from '../../../../shared/colors/ColorPolicy.js';
import { POLICIES } from '../../../../shared/colors/policies/policies.js';
import { LeastAssigned } from '../../../../shared/colors/policies/LeastAssigned.js';
import { policyContract } from '../../../../shared/colors/policyContract.js';
import { colors, except, FREE, homesOf, range, seeded, unevenness, zipf } from './workload.js';

const STICKY: readonly PolicyName[] = ['consistent-hashing', 'bucket-hashing', 'least-assigned', 'bounded-load'];
const HASHING: readonly PolicyName[] = ['consistent-hashing', 'bucket-hashing', 'bounded-load'];
const createPolicy = (name: PolicyName, options = POLICY_OPTIONS): ColorPolicy =>
  POLICIES[name]({ options, share: () => undefined });
const leastAssigned = (options = POLICY_OPTIONS, share: (update: SharedUpdate) => void = () => undefined) =>
  new LeastAssigned({ options, share });
/** Says that a color has its home at an invoker, as another controller would. */
const adopt = (policy: ColorPolicy, color: number, invoker: number, ageMs = 0): void =>
  policy.shared?.adopt({ key: String(color), value: invoker }, ageMs);
const make = (name: PolicyName, invokers: number, options = POLICY_OPTIONS) => {
  const policy = createPolicy(name, options);
  policy.joined(range(invokers));
  return policy;
};
const COLORS = colors(100_000);

describe('every color policy', () => {
  for (const name of POLICY_NAMES) {
    describe(name, () => {
      for (const { title, check } of policyContract(POLICIES[name])) it(title, check);

      it('chooses among the present invokers, and none without invokers', () => {
        assert.equal(createPolicy(name).assign(1, FREE), undefined);
        const policy = make(name, 3);
        for (const home of homesOf(policy, COLORS.slice(0, 100))) assert.ok(home >= 0 && home < 3);
      });

      it('chooses only invokers that accept', () => {
        const invokers = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 8 });
        fc.assert(
          fc.property(invokers, fc.nat(), fc.func(fc.boolean()), (there, color, accepts) => {
            const policy = createPolicy(name);
            policy.joined(there);
            const asked: number[] = [];
            const room = {
              ...FREE,
              accepts: (invoker: number) => {
                asked.push(invoker);
                return accepts(invoker);
              },
            };
            const choice = policy.assign(color, room);
            assert.ok(asked.every((invoker) => there.includes(invoker)));
            if (choice) assert.equal(accepts(choice.invoker), true);
            else if (name !== 'bucket-hashing') {
              // With at most 8 invokers the choices are all of them (buckets: as far as the walk gets).
              assert.ok(there.every((invoker) => !accepts(invoker)));
            }
          }),
        );
      });

      it('spreads 100,000 uniform colors over 10 invokers', () => {
        // A hash puts 10,000 ± 100 colors on each; a ring's shares vary by some 4% more, and a table is exact.
        const bound = {
          'consistent-hashing': 1.15,
          'bounded-load': 1.15,
          'bucket-hashing': 1.04,
          'least-assigned': 1.0001,
          random: 1.04,
          'round-robin': 1.0001,
        }[name];
        const uneven = unevenness(range(10), homesOf(make(name, 10), COLORS));
        assert.ok(uneven <= bound, `max/mean is ${uneven}`);
      });

      it('spreads the distinct colors of a Zipf load as evenly, and its invocations as hashing can', () => {
        const draw = zipf(100_000, 0.9, seeded(1));
        const drawn = range(100_000).map(() => COLORS[draw()] as number);
        const policy = make(name, 10);
        const placed = homesOf(policy, drawn);
        // The hottest color alone has 4% of the invocations, 0.4 of an invoker's mean.
        assert.ok(unevenness(range(10), placed) < 1.6, `${unevenness(range(10), placed)}`);
        const distinct = [...new Set(drawn)];
        if (name !== 'random' && name !== 'round-robin') {
          assert.ok(unevenness(range(10), homesOf(policy, distinct)) < 1.16);
        }
      });

      it('answers the same in another process', () => {
        const script = `
          const { POLICIES } = await import(${JSON.stringify(new URL('../../../../shared/colors/policies/policies.js', import.meta.url).href)});
          const { POLICY_OPTIONS } = await import(${JSON.stringify(new URL('../../../../shared/colors/ColorPolicy.js', import.meta.url).href)});
          const { colorKey } = await import(${JSON.stringify(new URL('../../../../shared/colors/colorKey.js', import.meta.url).href)});
          const policy = POLICIES[${JSON.stringify(name)}]({ options: POLICY_OPTIONS, share: () => undefined });
          policy.joined([0, 1, 2, 3, 4]);
          policy.left(2);
          const free = { accepts: () => true, underWay: () => 0, totalUnderWay: 0 };
          const homes = Array.from({ length: 500 }, (_, i) => policy.assign(colorKey('guest', 'ü' + i), free).invoker);
          process.stdout.write(JSON.stringify(homes));`;
        const there = execFileSync(process.execPath, [...process.execArgv, '--input-type=module', '-e', script]);
        const policy = make(name, 5);
        policy.left(2);
        const here = homesOf(
          policy,
          range(500).map((i) => colorKey('guest', `ü${i}`)),
        );
        assert.deepEqual(JSON.parse(there.toString()), here);
      });
    });
  }
});

describe('a policy with homes', () => {
  for (const name of STICKY) {
    describe(name, () => {
      it('gives a color the same home each time, as its first choice', () => {
        const policy = make(name, 10);
        for (const color of COLORS.slice(0, 200)) {
          const choice = policy.assign(color, FREE);
          assert.equal(choice?.rank, 0);
          assert.deepEqual(policy.assign(color, FREE), choice);
          assert.equal(policy.homes(color)[0], choice?.invoker);
        }
      });

      it('spills in the order of its choices, and comes home again', () => {
        const policy = make(name, 10);
        for (const color of COLORS.slice(0, 200)) {
          const home = policy.assign(color, FREE)?.invoker as number;
          const choices = policy.homes(color);
          assert.equal(new Set(choices).size, choices.length);
          assert.equal(choices.length, 8, 'eight choices of ten invokers');
          choices.slice(1).forEach((invoker, i) => {
            const full = choices.slice(0, i + 1);
            assert.deepEqual(policy.assign(color, except(...full)), { invoker, rank: i + 1 });
          });
          assert.equal(policy.assign(color, except(...choices)), undefined);
          assert.equal(policy.assign(color, FREE)?.invoker, home);
        }
      });

      it('spreads the colors of a full home over the others', () => {
        const policy = make(name, 5);
        const homes = homesOf(policy, COLORS.slice(0, 10_000));
        const spilled = COLORS.slice(0, 10_000)
          .filter((_, i) => homes[i] === 0)
          .map((color) => policy.assign(color, except(0))?.invoker ?? -1);
        assert.ok(unevenness([1, 2, 3, 4], spilled) < 1.5);
      });

      it('keeps the homes of an invoker that is unhealthy', () => {
        const policy = make(name, 5);
        const some = COLORS.slice(0, 1000);
        const homes = homesOf(policy, some);
        policy.becameHealthy?.(1, false);
        for (const color of some) policy.assign(color, except(1));
        policy.becameHealthy?.(1, true);
        assert.deepEqual(homesOf(policy, some), homes);
        assert.equal(policy.moves, 0);
      });

      it('moves only the colors of an invoker that left, and remembers how many', () => {
        const policy = make(name, 10);
        const before = homesOf(policy, COLORS);
        policy.left(3);
        const after = homesOf(policy, COLORS);
        let moved = 0;
        before.forEach((home, i) => {
          if (home === 3) moved++;
          else assert.equal(after[i], home);
          assert.notEqual(after[i], 3);
        });
        assert.ok(moved > 5000);
        assert.ok(policy.moves > 0);
      });

      it('is the home of the colors that it remembers, as its census says', () => {
        const policy = make(name, 4);
        homesOf(policy, COLORS.slice(0, 2000));
        const rows = policy.census();
        assert.deepEqual(
          rows.map(({ invoker }) => invoker),
          [0, 1, 2, 3],
        );
        const total = rows.reduce((sum, { colors }) => sum + colors, 0);
        // The hashing policies keep a sample.
        if (name === 'least-assigned') assert.equal(total, 2000);
        else assert.ok(total > 1000 && total <= 2000, `${total}`);
      });
    });
  }

  for (const name of HASHING) {
    it(`${name}: agrees whatever the order in which invokers are met, once a table is shared`, () => {
      const one = make(name, 6);
      const other = createPolicy(name);
      for (const invoker of [4, 1, 5, 0, 3, 2]) other.joined([invoker]);
      const told = one.shared?.summary?.();
      if (told) other.shared?.adopt(told, 0);
      assert.deepEqual(homesOf(one, COLORS.slice(0, 1000)), homesOf(other, COLORS.slice(0, 1000)));
      for (const color of COLORS.slice(0, 100)) assert.deepEqual(one.homes(color), other.homes(color));
    });
  }
});

describe('consistent hashing', () => {
  // Hundreds of thousands of colors: minutes of work where the machine is busy with others'.
  it('moves at most 1.25/n of the colors when one of n invokers joins or leaves', () => {
    for (const count of [2, 3, 5, 10, 20, 50]) {
      const policy = make('consistent-hashing', count);
      const before = homesOf(policy, COLORS);
      for (const leaver of range(count).filter((i) => i % Math.ceil(count / 5) === 0)) {
        policy.left(leaver);
        const without = homesOf(policy, COLORS);
        const moved = before.filter((home, i) => home !== without[i]).length;
        assert.ok(moved <= (1.25 / count) * COLORS.length, `${moved} of ${COLORS.length} with ${count} invokers`);
        policy.joined([leaver]);
        assert.deepEqual(homesOf(policy, COLORS), before, 'all come home');
      }
    }
  });
});

describe('bucket hashing', () => {
  it('gives a joining invoker its fair share, and moves nothing else', () => {
    const policy = make('bucket-hashing', 9);
    const before = homesOf(policy, COLORS);
    policy.joined([9]);
    const after = homesOf(policy, COLORS);
    before.forEach((home, i) => assert.ok(after[i] === home || after[i] === 9));
    const share = after.filter((home) => home === 9).length / COLORS.length;
    assert.ok(Math.abs(share - 0.1) < 0.005, `${share}`);
  });

  /** How many buckets move at a report of the loads of invokers 0, 1, …. */
  const movesAt = (policy: ColorPolicy, ...loads: readonly number[]): number => {
    const before = policy.moves;
    policy.loadReport?.(
      loads.map((load, invoker) => ({ invoker, load })),
      true,
    );
    return policy.moves - before;
  };

  it('rebalances with hysteresis: it begins above one bound, goes on to a lower one, and then waits for the upper one', () => {
    const policy = make('bucket-hashing', 2);
    homesOf(policy, COLORS);
    assert.equal(movesAt(policy, 114, 86), 0, 'below the bound of 1.15 at which it begins');
    assert.ok(movesAt(policy, 125, 75) > 0);
    assert.ok(movesAt(policy, 110, 90) > 0, 'above the bound of 1.05 at which it stops');
    assert.equal(movesAt(policy, 104, 96), 0);
    assert.equal(movesAt(policy, 110, 90), 0, 'it has to begin anew');
    assert.ok(movesAt(policy, 75, 125) > 0);
  });

  it('moves nothing if chance explains the load, as in the example', () => {
    const policy = make('bucket-hashing', 4);
    homesOf(policy, COLORS.slice(0, 400));
    assert.equal(movesAt(policy, 134, 66, 100, 100), 0, 'below 1.15 + 0.2');
    homesOf(policy, COLORS.slice(0, 200));
    assert.ok(movesAt(policy, 136, 64, 100, 100) > 0, 'half of the former ones count');
  });

  it('moves at most the allowed buckets at a report, from the busiest invoker and to healthy ones only', () => {
    const policy = make('bucket-hashing', 3, { ...POLICY_OPTIONS, maxBucketMoves: 10 });
    const before = homesOf(policy, COLORS);
    assert.equal(movesAt(policy, 300, 10, 20), 10);
    const moved = homesOf(policy, COLORS).flatMap((home, i) => (home === before[i] ? [] : [[before[i], home]]));
    assert.ok(moved.length > 0);
    for (const [from, to] of moved) assert.deepEqual([from, to], [0, 1], 'to the least loaded');
    policy.becameHealthy?.(0, false);
    assert.equal(movesAt(policy, 300, 20, 20), 0);
  });
});

describe('least assigned', () => {
  const counts = (policy: ColorPolicy): number[] => policy.census().map(({ colors: own }) => own);

  it('gives new colors to the healthy invokers, evenly', () => {
    const policy = make('least-assigned', 3);
    policy.becameHealthy?.(1, false);
    homesOf(policy, COLORS.slice(0, 300));
    assert.deepEqual(counts(policy), [150, 0, 150]);
  });

  it('lets a newcomer catch up slowly: it gets 1.2 times its share of the next colors, and no more', () => {
    const policy = make('least-assigned', 4);
    homesOf(policy, COLORS.slice(0, 10_000));
    policy.joined([4]);
    const next = homesOf(policy, COLORS.slice(10_000, 11_000));
    assert.ok(unevenness(range(5), next) <= 1.3, `${unevenness(range(5), next)}`);
    assert.ok(next.filter((home) => home === 4).length >= 200, 'it does catch up');
    const chains = homesOf(policy, COLORS.slice(11_000, 11_016));
    const each = range(5).map((invoker) => chains.filter((home) => home === invoker).length);
    assert.ok(Math.max(...each) - Math.min(...each) <= 2, `16 chains: ${each.join(', ')}`);
  });

  it('lets many newcomers catch up slowly', () => {
    const policy = make('least-assigned', 40);
    homesOf(policy, COLORS.slice(0, 10_000));
    policy.joined(range(60).map((i) => 40 + i));
    const next = homesOf(policy, COLORS.slice(10_000, 15_000));
    const newcomers = next.filter((home) => home >= 40).length / 5000;
    assert.ok(newcomers > 0.6 && newcomers <= 0.74, `${newcomers} of the new colors for 60 of 100 invokers`);
    assert.ok(unevenness(range(100), next) <= 1.5, `${unevenness(range(100), next)}`);
  });

  it('does not send every new color to an invoker that comes back', () => {
    for (const away of ['left', 'unhealthy'] as const) {
      const policy = make('least-assigned', 4);
      homesOf(policy, COLORS.slice(0, 1000));
      if (away === 'left') policy.left(2);
      else policy.becameHealthy?.(2, false);
      homesOf(policy, COLORS.slice(1000, 4000));
      if (away === 'left') policy.joined([2]);
      else policy.becameHealthy?.(2, true);
      const next = homesOf(policy, COLORS.slice(4000, 4016));
      assert.ok(next.filter((home) => home === 2).length <= 6, away);
    }
  });

  it('counts live colors only', () => {
    const policy = make('least-assigned', 2, { ...POLICY_OPTIONS, liveReports: 3 });
    homesOf(policy, COLORS.slice(0, 100));
    const inUse = COLORS.slice(0, 100).filter((_, i) => policy.homes(COLORS[i] as number)[0] === 0);
    for (let report = 0; report < 4; report++) {
      homesOf(policy, inUse);
      policy.loadReport?.([], true);
    }
    assert.deepEqual(counts(policy), [50, 0]);
    homesOf(policy, COLORS.slice(0, 100));
    assert.deepEqual(counts(policy), [50, 50], 'and again when they come back');
    assert.deepEqual(new Set(homesOf(policy, inUse)), new Set([0]), 'at their old homes');
  });

  it('counts each invoker rightly, whatever happened before', () => {
    const invoker = fc.integer({ min: 0, max: 6 });
    const happening = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('assign' as const), color: fc.nat(60) }) },
      fc.record({ kind: fc.constant('adopt' as const), color: fc.nat(60), invoker }),
      fc.record({ kind: fc.constant('joined' as const), invoker }),
      fc.record({ kind: fc.constant('left' as const), invoker }),
      fc.record({ kind: fc.constant('report' as const) }),
      fc.record({ kind: fc.constant('health' as const), invoker, healthy: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120 }), (happenings) => {
        const policy = leastAssigned({ ...POLICY_OPTIONS, maxColors: 30, liveReports: 3 });
        policy.joined([0, 1]);
        const there = new Set([0, 1]);
        /** The colors in the order of use, each with the report at which it was seen. */
        const seen = new Map<number, { home: number; at: number }>();
        let now = 0;
        const see = (color: number, home: number): void => {
          seen.delete(color);
          seen.set(color, { home, at: now });
          const [oldest] = seen.keys();
          if (seen.size > 30) seen.delete(oldest as number);
        };
        for (const one of happenings) {
          if (one.kind === 'assign') {
            const choice = policy.assign(one.color, FREE);
            assert.ok(!choice || there.has(choice.invoker));
            if (choice?.rank === 0) see(one.color, choice.invoker);
            else if (choice) see(one.color, seen.get(one.color)?.home ?? -1);
          } else if (one.kind === 'adopt') {
            const same = seen.get(one.color)?.home === one.invoker;
            adopt(policy, one.color, one.invoker);
            if (!same) see(one.color, one.invoker);
          } else if (one.kind === 'joined') {
            policy.joined([one.invoker]);
            there.add(one.invoker);
          } else if (one.kind === 'left') {
            policy.left(one.invoker);
            there.delete(one.invoker);
          } else if (one.kind === 'report') {
            policy.loadReport();
            now++;
          } else if (there.has(one.invoker)) {
            policy.becameHealthy(one.invoker, one.healthy);
          }
          for (const { invoker: member, colors: own } of policy.census()) {
            const live = [...seen.values()].filter(({ home, at }) => home === member && at >= now - 3);
            assert.equal(own, live.length, `invoker ${member} after ${one.kind}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('forgets the color not seen for longest', () => {
    const policy = leastAssigned({ ...POLICY_OPTIONS, maxColors: 100 });
    policy.joined([0, 1, 2]);
    homesOf(policy, COLORS.slice(0, 100));
    homesOf(policy, COLORS.slice(0, 1));
    homesOf(policy, COLORS.slice(100, 199));
    assert.equal(policy.size, 100);
    assert.notDeepEqual(policy.homes(COLORS[0] as number), []);
    assert.deepEqual(policy.homes(COLORS[1] as number), []);
    assert.equal(
      policy.census().reduce((sum, row) => sum + row.colors, 0),
      100,
    );
  });

  it('takes less than 200 bytes a color', () => {
    const policy = leastAssigned();
    policy.joined(range(10));
    homesOf(policy, COLORS);
    assert.ok(policy.bytes / policy.size < 70, `${policy.bytes / policy.size}`);
  });

  it('tells of the homes that it gives, and not of those that it takes over', () => {
    const told: SharedUpdate[] = [];
    const policy = leastAssigned(POLICY_OPTIONS, (update) => told.push(update));
    policy.joined([0, 1]);
    adopt(policy, 7, 1);
    assert.equal(policy.assign(7, FREE)?.invoker, 1);
    policy.assign(8, FREE);
    policy.assign(8, FREE);
    assert.deepEqual(told, [{ key: '8', value: 0 }]);
    assert.equal(policy.shared.holds({ key: '8', value: 0 }), true);
    adopt(policy, 8, 1);
    assert.equal(policy.shared.holds({ key: '8', value: 0 }), false);
    assert.equal(policy.assign(8, FREE)?.invoker, 1);
    assert.equal(policy.moves, 1);
  });

  it('tells a color in use again before the topic forgets it, counted from when it was said', () => {
    const told: string[] = [];
    const policy = leastAssigned({ ...POLICY_OPTIONS, tellAgainReports: 5 }, ({ key }) => told.push(key));
    policy.joined([0, 1]);
    policy.assign(1, FREE);
    policy.assign(2, FREE);
    // Said 30 seconds, three reports, ago by another controller.
    adopt(policy, 3, 0, 30_000);
    told.length = 0;
    for (let report = 1; report <= 10; report++) {
      policy.loadReport();
      policy.assign(1, FREE);
      policy.assign(3, FREE);
      if (report === 2) assert.deepEqual(told.splice(0), ['3']);
      if (report === 5) assert.deepEqual(told.splice(0), ['1']);
    }
    assert.deepEqual(told, ['3', '1'], 'and not the one that nobody uses');
  });

  it('ignores an update that it cannot read', () => {
    const policy = leastAssigned();
    policy.joined([0]);
    for (const update of [
      { key: '', value: 0 },
      { key: '7', value: 'x' },
      { key: '7', value: 70_000 },
      { key: '7', value: 0.5 },
    ]) {
      policy.shared.adopt(update, 0);
    }
    assert.equal(policy.size, 0);
  });

  it('waits for a home that has not shown up yet, and gives it up after a while', () => {
    const policy = leastAssigned();
    adopt(policy, 7, 5);
    policy.joined([0, 1]);
    assert.equal(policy.assign(7, FREE)?.rank, 1, 'a next choice meanwhile');
    policy.joined([5]);
    assert.deepEqual(policy.assign(7, FREE), { invoker: 5, rank: 0 });
    adopt(policy, 8, 9);
    for (let i = 0; i < 30; i++) policy.loadReport();
    assert.equal(policy.assign(8, FREE)?.rank, 0);
  });
});

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

describe('the oblivious baselines', () => {
  it('are never at home', () => {
    for (const name of ['random', 'round-robin'] as const) {
      const policy = make(name, 3);
      assert.equal(policy.assign(1, FREE)?.rank, Infinity);
      assert.deepEqual(policy.homes(1), []);
    }
  });

  it('take turns', () => {
    const policy = make('round-robin', 3);
    assert.deepEqual(homesOf(policy, [1, 1, 1, 1]), [0, 1, 2, 0]);
    assert.equal(policy.assign(1, except(1))?.invoker, 2);
  });

  it('draw by their seed', () => {
    const draws = (seed: number): number[] =>
      homesOf(make('random', 5, { ...POLICY_OPTIONS, seed }), COLORS.slice(0, 50));
    assert.deepEqual(draws(1), draws(1));
    assert.notDeepEqual(draws(1), draws(2));
  });
});
