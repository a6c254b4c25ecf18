import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { ColorMetrics } from '../../../../controller/loadbalancer/ColorMetrics.js';
import { Palette } from '../../../../controller/loadbalancer/Palette.js';
import { generateHash, schedule, type ResourceRequest } from '../../../../controller/loadbalancer/schedule.js';
import { Shares } from '../../../../controller/loadbalancer/Shares.js';
import { BALANCER } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { POLICY_NAMES, POLICY_OPTIONS, type PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

interface Invoker {
  readonly up: boolean;
  /** MB */
  readonly memory: number;
  readonly used: number;
}

/** Shares and a palette over invokers in some state. */
function setUp(policy: PolicyName, invokers: readonly Invoker[]) {
  const shares = new Shares(BALANCER.shares);
  shares.updateInvokers(
    invokers.map(({ up, memory }, i) => ({
      instance: invokerInstance(i, String(i), memory),
      status: up ? 'up' : 'unhealthy',
    })),
  );
  invokers.forEach(({ used }, i) => shares.candidate(i)?.capacity.take('other', 1, used));
  const registry = new Registry();
  const palette = new Palette({
    options: { policy, parameters: POLICY_OPTIONS, goneAfterMs: 600_000 },
    shares,
    metrics: new ColorMetrics(registry),
    totalUnderWay: () => 0,
    isGone: () => false,
    tell: () => undefined,
    onShared: () => undefined,
  });
  palette.updateInvokers();
  return { shares, palette, registry };
}

const resourcesOf = (memory: number): ResourceRequest => ({ key: 'guest/a@0.0.1', concurrency: 1, memory });

describe('a colored invocation', () => {
  it('never waits longer than an uncolored one: it queues only where that one would, and as likely anywhere', () => {
    const invoker = fc.record({ up: fc.boolean(), memory: fc.integer({ min: 128, max: 1024 }), used: fc.nat(1200) });
    const random = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(
        fc.constantFrom(...POLICY_NAMES),
        fc.array(invoker, { minLength: 1, maxLength: 25 }),
        fc.string(),
        fc.integer({ min: 128, max: 512 }),
        fc.boolean(),
        random,
        (policy, invokers, color, memory, blackbox, drawn) => {
          const { shares, palette } = setUp(policy, invokers);
          const resources = resourcesOf(memory);
          const pool = blackbox ? 'blackbox' : 'managed';
          const { candidates, stepSizes } = shares[pool];
          const uncolored = schedule(candidates, stepSizes, generateHash('guest', 'guest/a'), resources, () => drawn);
          const colored = palette.place(pool, policy, 'guest', color, resources);
          if (colored) {
            // It has room, so it does not queue at all, and it is on an invoker that takes such actions.
            assert.ok(colored.candidate.up && colored.candidate.capacity.free >= memory);
            assert.ok(candidates.includes(colored.candidate));
          }
          // Without a place by its color it goes the way of the uncolored one, with the same draw; and where that one
          // queues there was no room for the colored one either.
          if (uncolored?.overloaded !== false) assert.equal(colored, undefined);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the palette', () => {
  const four = [0, 1, 2, 3].map(() => ({ up: true, memory: 1024, used: 0 }));

  it('prefers the policy that the action names to that of the namespace, and that to its own', () => {
    const { palette } = setUp('consistent-hashing', four);
    assert.equal(palette.policyFor('random', 'round-robin'), 'random');
    assert.equal(palette.policyFor(undefined, 'round-robin'), 'round-robin');
    assert.equal(palette.policyFor(undefined, undefined), 'consistent-hashing');
  });

  it('ignores a policy that there is none of, and counts it', async () => {
    const { palette, registry } = setUp('consistent-hashing', four);
    assert.equal(palette.policyFor('magic', 'least-assigned'), 'least-assigned');
    assert.equal(palette.policyFor(undefined, 7), 'consistent-hashing');
    const metrics = await registry.metrics();
    assert.match(metrics, /color_policy_unknown_total\{source="action"\} 1/);
    assert.match(metrics, /color_policy_unknown_total\{source="namespace"\} 1/);
  });

  it('has no policy at work before the first color', () => {
    const { palette } = setUp('least-assigned', four);
    assert.equal(palette.isUsed, false);
    assert.deepEqual(palette.view().inUse, []);
  });

  it('counts hits, spills and strays, and shows homes', async () => {
    const { palette, shares, registry } = setUp('consistent-hashing', four);
    const place = () => palette.place('managed', 'consistent-hashing', 'guest', 'a', resourcesOf(1024));
    for (let rank = 0; rank < 4; rank++) {
      const placed = place();
      assert.ok(placed);
      assert.equal(placed.hit, rank === 0);
      assert.equal(placed.candidate.instance, palette.homes('guest', 'a')[0]?.homes[rank]);
      placed.candidate.capacity.take('x', 1, 1024);
    }
    assert.equal(place(), undefined);
    shares.candidate(palette.homes('guest', 'a')[0]?.homes[0] as number)?.capacity.release('x', 1, 1024);
    assert.equal(place()?.hit, true, 'comes home as soon as there is room');
    const [seen] = palette.view().inUse;
    assert.ok(seen);
    assert.deepEqual([seen.assignments, seen.hits, seen.spills, seen.strays], [6, 2, 3, 1]);
    assert.equal(seen.invokers.length, 4);
    const metrics = await registry.metrics();
    for (const line of [
      'assignments_total',
      'hits_total',
      'spills_total',
      'strays_total',
      'moves_total',
      'imbalance',
    ]) {
      assert.match(metrics, new RegExp(`color_${line}\\{policy="consistent-hashing",pool="managed"\\} \\d`));
    }
  });

  it('keeps the pools apart', () => {
    const { palette, shares } = setUp(
      'least-assigned',
      Array.from({ length: 20 }, () => ({ up: true, memory: 1024, used: 0 })),
    );
    for (let i = 0; i < 50; i++) {
      const placed = palette.place('blackbox', 'least-assigned', 'guest', `c${i}`, resourcesOf(128));
      assert.ok(placed && shares.blackbox.candidates.includes(placed.candidate));
    }
    assert.deepEqual(
      palette.view().inUse[0]?.invokers.map(({ invoker, colors }) => [invoker, colors]),
      [
        [18, 25],
        [19, 25],
      ],
    );
  });
});
