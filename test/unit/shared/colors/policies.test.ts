import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { colorKey } from '../../../../shared/colors/colorKey.js';
import {
  POLICY_NAMES,
  POLICY_OPTIONS,
  type ColorPolicy,
  type PolicyName,
} from '../../../../shared/colors/ColorPolicy.js';
import { POLICIES } from '../../../../shared/colors/policies/policies.js';
import { policyContract } from '../../../../shared/colors/policyContract.js';
import { COLORS, createPolicy, make } from './policySetup.js';
import { except, FREE, homesOf, range, seeded, unevenness, zipf } from './workload.js';

const STICKY: readonly PolicyName[] = ['consistent-hashing', 'bucket-hashing', 'least-assigned', 'bounded-load'];
const HASHING: readonly PolicyName[] = ['consistent-hashing', 'bucket-hashing', 'bounded-load'];

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
