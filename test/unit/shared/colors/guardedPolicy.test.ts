import assert from 'node:assert/strict';
import {
  POLICY_OPTIONS,
  type ColorChoice,
  type ColorPolicy,
  type Room,
  type SharedState,
} from '../../../../shared/colors/ColorPolicy.js';
import { guarded } from '../../../../shared/colors/guardedPolicy.js';
import { policyContract } from '../../../../shared/colors/policyContract.js';
import { POLICIES } from '../../../../shared/colors/policies/policies.js';

const FREE: Room = { accepts: () => true, underWay: () => 0, totalUnderWay: 0 };
const SURROUNDINGS = { options: POLICY_OPTIONS, share: () => undefined };

/** A policy that always chooses invoker 0 unless it is told otherwise. */
function simple(changes: Partial<ColorPolicy>): ColorPolicy {
  const policy: ColorPolicy = {
    name: 'simple',
    moves: 0,
    assign: (_, room) => (room.accepts(0, 0) ? { invoker: 0, rank: 0 } : undefined),
    joined: () => undefined,
    left: () => undefined,
    homes: () => [0],
    census: () => [],
  };
  // A getter stays a getter.
  return Object.defineProperties(policy, Object.getOwnPropertyDescriptors(changes));
}

/** A guarded policy with the invokers 0 and 1, and the faults that were reported. */
function guardedPolicy(changes: Partial<ColorPolicy>) {
  const faults: string[] = [];
  const policy = guarded(
    () => simple(changes),
    (fault) => faults.push(fault),
  )(SURROUNDINGS);
  policy.joined([0, 1]);
  return { policy, faults };
}

const fails = (): never => {
  throw new Error('broken');
};
const unsafe = (value: unknown): (() => never) => (() => value) as () => never;

describe('a guarded policy', () => {
  for (const [name, make] of Object.entries(POLICIES)) {
    describe(`that is ${name}`, () => {
      const watched = guarded(make, (fault, error) => assert.fail(`${fault}: ${String(error)}`));
      for (const { title, check } of policyContract(watched)) it(title, check);
    });
  }

  it('passes choices and homes on', () => {
    const { policy, faults } = guardedPolicy({});
    assert.deepEqual(policy.assign(1, FREE), { invoker: 0, rank: 0 });
    assert.equal(policy.assign(1, { ...FREE, accepts: () => false }), undefined);
    assert.deepEqual(policy.homes(1), [0]);
    assert.deepEqual(faults, []);
  });

  const wrong: Readonly<Record<string, () => ColorChoice | undefined>> = {
    'throws an error': fails,
    'does not ask the invoker': () => ({ invoker: 1, rank: 0 }),
    'is out of range': () => ({ invoker: 99, rank: 0 }),
    'is not a number': () => ({ invoker: NaN, rank: 0 }),
    'has no rank': unsafe({ invoker: 0 }),
    'is null': unsafe(null),
    'is a text': unsafe('invoker0'),
    'is a promise': unsafe(Promise.resolve({ invoker: 0, rank: 0 })),
  };
  for (const [title, assign] of Object.entries(wrong)) {
    it(`chooses no invoker if the choice ${title}`, () => {
      const { policy, faults } = guardedPolicy({ assign });
      assert.equal(policy.assign(1, FREE), undefined);
      assert.equal(faults.length, 1, faults.join('; '));
    });
  }

  it('does not ask for an invoker that is not there', () => {
    const asked: number[] = [];
    const accepts = (invoker: number): boolean => asked.push(invoker) > 0;
    const { policy, faults } = guardedPolicy({
      assign: (_, room) => (room.accepts(7, 0) || room.accepts(1, 0) ? { invoker: 1, rank: 0 } : undefined),
    });
    assert.deepEqual(policy.assign(1, { ...FREE, accepts }), { invoker: 1, rank: 0 });
    policy.left(1);
    assert.equal(policy.assign(1, { ...FREE, accepts }), undefined);
    assert.deepEqual(asked, [1]);
    assert.equal(faults.length, 3, faults.join('; '));
  });

  it('has no homes if they are not all there', () => {
    for (const homes of [fails, () => [0, 7], unsafe('0'), unsafe(undefined)]) {
      const { policy, faults } = guardedPolicy({ homes });
      assert.deepEqual(policy.homes(1), []);
      assert.ok(faults.length > 0);
    }
  });

  it('survives an error of every other method, and reports it', () => {
    const shared: SharedState = { adopt: fails, holds: fails, summary: fails };
    const { policy, faults } = guardedPolicy({
      joined: fails,
      left: fails,
      becameHealthy: fails,
      weigh: fails,
      loadReport: fails,
      census: fails,
      shared,
      get moves() {
        return fails();
      },
    });
    const before = faults.length;
    policy.left(1);
    policy.becameHealthy?.(0, false);
    policy.weigh?.([]);
    policy.loadReport?.([], true);
    assert.deepEqual(policy.census(), []);
    assert.equal(policy.moves, 0);
    policy.shared?.adopt({ key: 'a', value: 1 }, 0);
    assert.equal(policy.shared?.holds({ key: 'a', value: 1 }), false);
    assert.equal(policy.shared?.summary?.(), undefined);
    assert.equal(faults.length - before, 9, faults.join('; '));
  });

  it('reports a method that rejects later, and goes on', async () => {
    const rejection = Promise.reject(new Error('broken'));
    const { policy, faults } = guardedPolicy({ loadReport: unsafe(rejection) });
    policy.loadReport?.([], true);
    assert.deepEqual(faults, []);
    await new Promise(setImmediate);
    assert.deepEqual(faults, ['throws in loadReport']);
  });

  it('reports a census that rejects later, and has no rows', async () => {
    const { policy, faults } = guardedPolicy({ census: unsafe(Promise.reject(new Error('broken'))) });
    assert.deepEqual(policy.census(), []);
    await new Promise(setImmediate);
    assert.deepEqual(faults, ['returns no list from census', 'throws in census']);
  });

  it('chooses nothing if its maker returns no policy', () => {
    for (const value of [null, 7]) {
      const faults: string[] = [];
      const policy = guarded(unsafe(value), (fault) => faults.push(fault))(SURROUNDINGS);
      assert.equal(policy.assign(1, FREE), undefined);
      assert.deepEqual(faults, [`cannot be made: its maker returns ${value}`]);
    }
  });

  it('chooses nothing if it cannot be made', () => {
    const faults: string[] = [];
    const policy = guarded(fails, (fault) => faults.push(fault))(SURROUNDINGS);
    policy.joined([0]);
    policy.left(0);
    assert.equal(policy.assign(1, FREE), undefined);
    assert.deepEqual([policy.homes(1), policy.census(), policy.moves], [[], [], 0]);
    assert.deepEqual(faults, ['cannot be made']);
  });
});
