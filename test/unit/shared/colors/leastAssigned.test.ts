import assert from 'node:assert/strict';
import fc from 'fast-check';
import { POLICY_OPTIONS, type ColorPolicy, type SharedUpdate } from '../../../../shared/colors/ColorPolicy.js';
import { LeastAssigned } from '../../../../shared/colors/policies/LeastAssigned.js';
import { adopt, COLORS, make } from './policySetup.js';
import { FREE, homesOf, range, unevenness } from './workload.js';

const leastAssigned = (options = POLICY_OPTIONS, share: (update: SharedUpdate) => void = () => undefined) =>
  new LeastAssigned({ options, share });

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
