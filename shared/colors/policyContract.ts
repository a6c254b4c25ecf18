import assert from 'node:assert/strict';
import { colorKey, type ColorKey } from './colorKey.js';
import { POLICY_OPTIONS, type ColorPolicy, type PolicyMaker, type Room, type SharedUpdate } from './ColorPolicy.js';
import { imbalance } from './buckets.js';

/** One rule of the contract. */
export interface ContractCheck {
  /** The rule in words. */
  readonly title: string;
  /** Throws an `AssertionError` if the policy breaks the rule. */
  readonly check: () => void;
}

const FREE: Room = { accepts: () => true, underWay: () => 0, totalUnderWay: 0 };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const COLORS: readonly ColorKey[] = range(20_000).map((i) => colorKey('contract', `color-${i}`));

/**
 * The rules for every policy, as checks for any test runner:
 *
 *     for (const { title, check } of policyContract(myPolicy)) it(title, check);
 *
 * For a policy without homes (`homes` returns an empty list) it omits the checks of homes.
 */
export function policyContract(make: PolicyMaker): readonly ContractCheck[] {
  const create = (invokers: number, share: (update: SharedUpdate) => void = () => undefined): ColorPolicy => {
    const policy = make({ options: POLICY_OPTIONS, share });
    if (invokers > 0) policy.joined(range(invokers));
    return policy;
  };
  const homeOf = (policy: ColorPolicy, color: ColorKey): number => policy.assign(color, FREE)?.invoker ?? -1;
  const hasHomes = (policy: ColorPolicy): boolean => {
    const color = colorKey('contract', 'color');
    policy.assign(color, FREE);
    return policy.homes(color).length > 0;
  };
  /** The number of colors with their home on each of the invokers 0 to 9. */
  const countHomes = (policy: ColorPolicy): number[] => {
    const counts = new Map(range(10).map((invoker) => [invoker, 0]));
    for (const color of COLORS) {
      const home = homeOf(policy, color);
      counts.set(home, (counts.get(home) ?? 0) + 1);
    }
    return range(10).map((invoker) => counts.get(invoker) ?? 0);
  };
  const some = COLORS.slice(0, 300);

  const rules: Record<string, () => void> = {
    'contract: chooses nothing without invokers': () => {
      assert.equal(create(0).assign(1, FREE), undefined);
    },

    'contract: asks and chooses only invokers that are there, and says the rank at which it asked': () => {
      const policy = create(5);
      policy.left(1);
      policy.joined([9]);
      for (const [turn, color] of some.entries()) {
        const asked = new Map<number, number>();
        const choice = policy.assign(color, {
          ...FREE,
          accepts: (invoker, rank) => {
            asked.set(invoker, rank);
            return (invoker + turn) % 3 === 0;
          },
        });
        for (const invoker of asked.keys()) assert.ok([0, 2, 3, 4, 9].includes(invoker), `asked invoker ${invoker}`);
        if (!choice) continue;
        assert.equal((choice.invoker + turn) % 3, 0, 'it accepted');
        assert.equal(choice.rank, asked.get(choice.invoker));
      }
    },

    'contract: answers the same after the same calls': () => {
      const [one, other] = [create(6), create(6)];
      for (const color of COLORS.slice(0, 1000)) assert.deepEqual(one.assign(color, FREE), other.assign(color, FREE));
    },

    'contract: gives a color the same home each time, with rank 0': () => {
      const policy = create(8);
      if (!hasHomes(policy)) return;
      for (const color of some) {
        const choice = policy.assign(color, FREE);
        assert.equal(choice?.rank, 0);
        assert.deepEqual(policy.assign(color, FREE), choice);
        assert.equal(policy.homes(color)[0], choice?.invoker);
      }
    },

    'contract: goes on in the order of `homes` if the home does not accept, and comes home again': () => {
      const policy = create(6);
      if (!hasHomes(policy)) return;
      for (const color of some) {
        const home = homeOf(policy, color);
        const [, next] = policy.homes(color);
        const spilled = policy.assign(color, { ...FREE, accepts: (invoker) => invoker !== home });
        assert.equal(spilled?.invoker, next);
        assert.ok((spilled?.rank ?? 0) > 0);
        assert.equal(homeOf(policy, color), home);
      }
    },

    'contract: moves only the colors of an invoker that left': () => {
      const policy = create(8);
      if (!hasHomes(policy)) return;
      const before = some.map((color) => homeOf(policy, color));
      policy.left(3);
      some.forEach((color, i) => {
        const after = homeOf(policy, color);
        if (before[i] === 3) assert.notEqual(after, 3);
        else assert.equal(after, before[i]);
      });
    },

    'contract: keeps the homes of an invoker that is unhealthy for a while': () => {
      const policy = create(5);
      if (!hasHomes(policy)) return;
      const before = some.map((color) => homeOf(policy, color));
      policy.becameHealthy?.(2, false);
      for (const color of some) policy.assign(color, { ...FREE, accepts: (invoker) => invoker !== 2 });
      policy.becameHealthy?.(2, true);
      assert.deepEqual(
        some.map((color) => homeOf(policy, color)),
        before,
      );
    },

    'contract: spreads 20,000 colors over 10 equal invokers within 1.2 of the mean': () => {
      const policy = create(10);
      const counts = countHomes(policy);
      assert.ok(imbalance(counts) <= 1.2, `max/mean is ${imbalance(counts).toFixed(3)}`);
    },

    'contract: gives invokers of 1 and 4 times the memory shares in proportion, within 1.15 of the mean': () => {
      const policy = create(0);
      if (!policy.weigh) return;
      const weights = range(10).map((invoker) => (invoker < 5 ? 1024 : 4096));
      policy.weigh(weights.map((weight, invoker) => ({ invoker, weight, warmth: 1 })));
      policy.joined(range(10));
      const counts = countHomes(policy);
      assert.ok(imbalance(counts, weights) <= 1.15, `max/mean is ${imbalance(counts, weights).toFixed(3)}`);
    },

    'contract: ends with the same homes as a controller that hears of its updates': () => {
      const told: SharedUpdate[] = [];
      const policy = create(5, (update) => told.push(update));
      if (!policy.shared) return;
      for (const color of some) policy.assign(color, FREE);
      const summary = policy.shared.summary?.();
      if (summary) told.push(summary);
      const other = create(5);
      for (const update of told) other.shared?.adopt(update, 0);
      for (const color of some) assert.equal(homeOf(other, color), homeOf(policy, color));
    },
  };
  return Object.entries(rules).map(([title, check]) => ({ title, check }));
}
