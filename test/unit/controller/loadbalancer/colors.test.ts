import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { ColorMetrics } from '../../../../controller/loadbalancer/ColorMetrics.js';
import { Colors } from '../../../../controller/loadbalancer/Colors.js';
import type { ColorRequest } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { generateHash, schedule, type ResourceRequest } from '../../../../controller/loadbalancer/schedule.js';
import { Shares } from '../../../../controller/loadbalancer/Shares.js';
import { BALANCER } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { POLICY_NAMES, type PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import type { ColorConfig } from '../../../../shared/config/colorSettings.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { activationMessage } from './messages.js';

interface Invoker {
  readonly up: boolean;
  /** MB */
  readonly memory: number;
  readonly used: number;
  readonly drains?: true;
  /** Whether it prepares containers; missing: yes. */
  readonly prepares?: false;
}

const resourcesOf = (memory: number): ResourceRequest => ({
  key: 'guest/a@0.0.1',
  concurrency: 1,
  memory,
  durationMs: 10,
});

/** Shares and colors over invokers in some state, with a clock that stands still until it is moved. */
function setUp(policy: PolicyName, invokers: readonly Invoker[], options: Partial<ColorConfig> = {}) {
  const shares = new Shares(BALANCER.shares);
  const registry = new Registry();
  let now = 0;
  const prepared: { invoker: number; containers: number | undefined }[] = [];
  const colors = new Colors({
    messaging: new EmbeddedMessaging(),
    topic: topics().colors,
    logger: silentLogger,
    metrics: new ColorMetrics(registry),
    options: { ...BALANCER.colors, policy, shared: false, patienceMs: 0, ...options },
    shares,
    totalUnderWay: () => shares.all.reduce((sum, { capacity }) => sum + capacity.underWay, 0),
    self: '0',
    leads: () => true,
    prepare: (invoker, message) => void prepared.push({ invoker, containers: message.prepare }),
    now: () => now,
  });
  const list = (states: readonly Invoker[]) =>
    states.map(({ up, memory, drains, prepares }, i) => ({
      instance: invokerInstance(i, String(i), memory),
      status: up ? ('up' as const) : ('down' as const),
      drains,
      ...(prepares === false ? {} : { prepares: true as const }),
    }));
  const change = (states: readonly Invoker[]): void => {
    const health = list(states);
    shares.updateInvokers(health);
    colors.invokersChanged(health);
  };
  change(invokers);
  invokers.forEach(({ used }, i) => {
    if (used > 0) shares.candidate(i)?.capacity.take('other', 1, used, 10, now);
  });
  const random = (): number => 0;
  const place = (color: ColorRequest | string, memory = 128, pool = shares.managed, missCostMs?: number) => {
    const message = activationMessage();
    const resources = { ...resourcesOf(memory), missCostMs };
    const uncolored = () =>
      schedule(pool.candidates, pool.stepSizes, generateHash('guest', 'guest/a'), resources, random);
    const request = typeof color === 'string' ? { value: color } : color;
    const placed = colors.place(pool, message, request, resources, uncolored);
    return placed && { ...placed, hit: message.color?.hit, instance: placed.candidate.instance };
  };
  const take = (instance: number, memory = 128, durationMs = 10): void =>
    shares.candidate(instance)?.capacity.take('guest/a@0.0.1', 1, memory, durationMs, now);
  return {
    shares,
    colors,
    registry,
    place,
    take,
    change,
    prepared,
    at: (ms: number) => {
      now = ms;
      colors.tick();
    },
  };
}

const arbitraryInvokers = fc.array(
  fc.record({ up: fc.boolean(), memory: fc.integer({ min: 128, max: 1024 }), used: fc.nat(1200) }),
  { minLength: 1, maxLength: 25 },
);

describe('a colored invocation without patience', () => {
  it('never waits longer than an uncolored invocation: it queues only if that would queue, too', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...POLICY_NAMES),
        arbitraryInvokers,
        fc.string({ minLength: 1 }),
        fc.integer({ min: 128, max: 512 }),
        (policy, invokers, color, memory) => {
          const { shares, place } = setUp(policy, invokers);
          const { candidates, stepSizes } = shares.managed;
          const uncolored = schedule(
            candidates,
            stepSizes,
            generateHash('guest', 'guest/a'),
            resourcesOf(memory),
            () => 0,
          );
          const colored = place(color, memory);
          if (uncolored?.overloaded === false) {
            assert.ok(colored && colored.candidate.up && colored.candidate.capacity.free >= memory);
            assert.ok(candidates.includes(colored.candidate));
          } else {
            assert.equal(colored?.candidate, uncolored?.candidate);
          }
        },
      ),
      {
        numRuns: 300,
        // Needs more than any share has, while nothing runs.
        examples: [['consistent-hashing', [128, 128].map((memory) => ({ up: true, memory, used: 0 })), '!', 129]],
      },
    );
  });
});

describe('a colored invocation with patience', () => {
  it('waits no longer than its patience is expected to be, unless nothing has room', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...POLICY_NAMES),
        arbitraryInvokers,
        fc.string({ minLength: 1 }),
        fc.integer({ min: 1, max: 50 }),
        (policy, invokers, color, patienceMs) => {
          const { shares, place } = setUp(policy, invokers, { patienceMs });
          const placed = place(color);
          const anyUp = shares.managed.candidates.some(({ up }) => up);
          assert.equal(placed !== undefined, anyUp);
          if (!placed) return;
          assert.ok(placed.candidate.up);
          const wait = placed.candidate.capacity.expectedWait('guest/a@0.0.1', 1, 128, 0);
          const room = shares.managed.candidates.some(({ up, capacity }) => up && capacity.free >= 128);
          if (room) assert.ok(wait <= patienceMs, `${wait} ms`);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does not take room from an uncolored invocation, which is placed as without colors', () => {
    const { shares, place, take } = setUp(
      'consistent-hashing',
      [0, 1, 2, 3].map(() => ({ up: true, memory: 512, used: 0 })),
      { patienceMs: 20 },
    );
    // One hot color, as much as its home takes within the patience.
    const home = place('hot')?.instance ?? -1;
    for (let i = 0; i < 200; i++) {
      const placed = place('hot');
      if (placed) take(placed.instance);
      const free = shares.all.filter(({ capacity }) => capacity.free >= 128).map(({ instance }) => instance);
      const { candidates, stepSizes } = shares.managed;
      const uncolored = schedule(candidates, stepSizes, i, resourcesOf(128), () => 0);
      if (free.length > 0) assert.ok(uncolored && free.includes(uncolored.candidate.instance));
      // What waits at home never holds more than the patience's worth of work.
      if (free.length > 0) {
        const waiting = -(shares.candidate(home)?.capacity.free ?? 0) / 128;
        assert.ok((waiting * 10) / 4 <= 20, `${waiting} wait at home`);
      }
    }
  });

  it('goes home, to the less loaded of its homes, on, and home again, as it gets fuller', () => {
    const { colors, shares, place, take } = setUp(
      'consistent-hashing',
      Array.from({ length: 6 }, () => ({ up: true, memory: 256, used: 0 })),
      { patienceMs: 12, homes: 3 },
    );
    place('c');
    const order = colors.homes('guest', 'c')[0]?.homes ?? [];
    const went: number[] = [];
    for (let i = 0; i < 30; i++) {
      const { instance } = place('c') ?? { instance: -1 };
      went.push(order.indexOf(instance));
      take(instance);
    }
    // Two slots of 10 ms each: the third invocation waits 5 ms, the fourth 10 ms, and a fifth would wait 15 ms.
    assert.deepEqual(went.slice(0, 4), [0, 0, 0, 0]);
    // Then the second and third home in turn, first without a wait and then with one.
    assert.deepEqual(
      went.slice(4, 12).toSorted((a, b) => a - b),
      [1, 1, 1, 1, 2, 2, 2, 2],
    );
    assert.deepEqual(new Set(went.slice(4, 6)), new Set([1, 2]));
    // Then the further choices, while they have room.
    assert.deepEqual(went.slice(12, 18), [3, 3, 4, 4, 5, 5]);
    // And when nothing has room: home.
    assert.deepEqual(new Set(went.slice(18)), new Set([0]));
    assert.equal(shares.candidate(order[0] ?? -1)?.capacity.underWay, 16);
  });

  it('is not held up by a single long call at its home', () => {
    const { place, take, at } = setUp(
      'consistent-hashing',
      [0, 1, 2, 3].map(() => ({ up: true, memory: 128, used: 0 })),
      { patienceMs: 100 },
    );
    const home = place('c')?.instance ?? -1;
    take(home, 128, 60_000);
    assert.notEqual(place('c')?.instance, home, 'a call that is known to be long');
    const other = setUp(
      'consistent-hashing',
      [0, 1, 2, 3].map(() => ({ up: true, memory: 128, used: 0 })),
      {
        patienceMs: 100,
      },
    );
    other.take(home, 128, 10);
    assert.equal(other.place('c')?.instance, home, 'an ordinary one is worth a wait');
    other.at(101);
    assert.notEqual(other.place('c')?.instance, home, 'one that lasts longer than it should is not');
    at(0);
  });

  it('may be less patient by its own request', () => {
    const { place, take } = setUp(
      'consistent-hashing',
      [0, 1, 2, 3].map(() => ({ up: true, memory: 128, used: 0 })),
      { patienceMs: 100 },
    );
    const home = place('c')?.instance ?? -1;
    take(home);
    assert.equal(place('c')?.instance, home);
    assert.notEqual(place({ value: 'c', patienceMs: 0 })?.instance, home);
  });

  it('may be as patient as its request says, and is as patient as a miss is dear', () => {
    const one = [0, 1, 2, 3].map(() => ({ up: true, memory: 128, used: 0 }));
    const { place, take } = setUp('consistent-hashing', one, { patienceMs: 100, patienceLimitMs: 1000 });
    const home = place('c')?.instance ?? -1;
    take(home, 128, 40);
    assert.notEqual(place('c')?.instance, home, 'two runs of 10 ms are shorter than 40 ms');
    assert.equal(place({ value: 'c', patienceMs: 40 })?.instance, home);
    assert.notEqual(place({ value: 'c', patienceMs: 39 })?.instance, home);
    assert.equal(place('c', 128, undefined, 20)?.instance, home);
    assert.notEqual(place('c', 128, undefined, 19)?.instance, home);
    assert.notEqual(place({ value: 'c', patienceMs: 0 }, 128, undefined, 500)?.instance, home);
  });
});

describe('the colors of a balancer', () => {
  const four = [0, 1, 2, 3].map(() => ({ up: true, memory: 1024, used: 0 }));

  it('have no policy at work before the first color', () => {
    assert.deepEqual(setUp('least-assigned', four).colors.view().inUse, []);
  });

  it('count hits, waits, spills and strays, and show homes', async () => {
    const { colors, shares, registry, place, take } = setUp('consistent-hashing', four);
    for (let rank = 0; rank < 4; rank++) {
      const placed = place('a', 1024);
      assert.ok(placed);
      assert.equal(placed.hit, rank === 0);
      assert.equal(placed.instance, colors.homes('guest', 'a')[0]?.homes[rank]);
      take(placed.instance, 1024);
    }
    place('a', 1024);
    const home = colors.homes('guest', 'a')[0]?.homes[0] ?? -1;
    assert.equal(place({ value: 'a', patienceMs: 1000 }, 1024)?.instance, home, 'waits');
    shares.candidate(home)?.capacity.release('guest/a@0.0.1', 1, 1024, 10, 0);
    assert.equal(place('a', 1024)?.hit, true, 'comes home as soon as there is room');
    const [seen] = colors.view().inUse;
    assert.ok(seen);
    assert.deepEqual([seen.assignments, seen.hits, seen.waits, seen.spills, seen.strays], [7, 3, 2, 3, 1]);
    assert.equal(seen.invokers.length, 4);
    const metrics = await registry.metrics();
    for (const line of ['assignments', 'hits', 'waits', 'spills', 'strays', 'moves']) {
      assert.match(metrics, new RegExp(`color_${line}_total\\{policy="consistent-hashing",pool="managed"\\} \\d`));
    }
    assert.match(metrics, /color_imbalance\{policy="consistent-hashing",pool="managed"\} \d/);
    assert.match(metrics, /color_expected_wait_seconds_count 2/);
  });

  it('keep the pools apart', () => {
    const { colors, shares, place } = setUp(
      'least-assigned',
      Array.from({ length: 20 }, () => ({ up: true, memory: 1024, used: 0 })),
    );
    for (let i = 0; i < 50; i++) {
      const placed = place(`c${i}`, 128, shares.blackbox);
      assert.ok(placed && shares.blackbox.candidates.includes(placed.candidate));
    }
    assert.deepEqual(
      colors.view().inUse[0]?.invokers.map(({ invoker, colors: own }) => [invoker, own]),
      [
        [18, 25],
        [19, 25],
      ],
    );
  });

  it('give an invoker of four times the memory four times the colors', () => {
    for (const policy of ['consistent-hashing', 'bucket-hashing', 'least-assigned', 'bounded-load'] as const) {
      const memory = [1024, 1024, 1024, 4096, 4096];
      const { place } = setUp(
        policy,
        memory.map((mb) => ({ up: true, memory: mb, used: 0 })),
      );
      const counts = memory.map(() => 0);
      for (let i = 0; i < 5000; i++) (counts[place(`c${i}`)?.instance ?? -1] as number)++;
      const loads = counts.map((count, i) => count / (memory[i] ?? 1));
      const mean = 5000 / (3 * 1024 + 2 * 4096);
      assert.ok(Math.max(...loads) / mean <= 1.15, `${policy}: ${counts.join(', ')}`);
    }
  });

  it('come to an invoker that joins bit by bit', () => {
    for (const policy of ['consistent-hashing', 'bucket-hashing'] as const) {
      const { place, change, at } = setUp(policy, four, { moveMs: 10_000 });
      const homes = (): number[] => Array.from({ length: 2000 }, (_, i) => place(`c${i}`)?.instance ?? -1);
      const before = homes();
      at(60_000);
      change([...four, { up: true, memory: 1024, used: 0 }]);
      let moved = 0;
      for (let second = 0; second <= 10; second++) {
        at(60_000 + second * 1000);
        const now = homes();
        now.forEach((home, i) => assert.ok(home === before[i] || home === 4, 'a color moves once, to the newcomer'));
        const share = now.filter((home) => home === 4).length / 2000;
        assert.ok(share >= moved - 0.001 && share - moved < 0.06, `${policy}: from ${moved} to ${share}`);
        moved = share;
      }
      assert.ok(moved > 0.16 && moved < 0.24, `${policy}: ${moved} in the end`);
    }
  });

  it('come home bit by bit to an invoker that was down', () => {
    const { place, change, at } = setUp('consistent-hashing', four, { moveMs: 10_000 });
    const homes = (): number[] => Array.from({ length: 2000 }, (_, i) => place(`c${i}`)?.instance ?? -1);
    const before = homes();
    at(60_000);
    change(four.map((one, i) => ({ ...one, up: i !== 2 })));
    assert.equal(homes().includes(2), false);
    change(four);
    const all = before.filter((home) => home === 2).length;
    for (const [second, share] of [
      [0, 0],
      [5, 0.5],
      [10, 1],
    ] as const) {
      at(60_000 + second * 1000);
      const back = homes().filter((home) => home === 2).length / all;
      assert.ok(Math.abs(back - share) < 0.1, `${back} after ${second} s`);
    }
    assert.deepEqual(homes(), before);
  });

  it('come home at once after a time without any invoker, such as an outage of the bus', () => {
    const { place, change, at, prepared } = setUp('consistent-hashing', four, { moveMs: 10_000 });
    const homes = (): number[] => Array.from({ length: 500 }, (_, i) => place(`c${i}`)?.instance ?? -1);
    const before = homes();
    for (let down = 1; down <= 4; down++) {
      at(60_000 + down);
      change(four.map((one, i) => ({ ...one, up: i >= down })));
    }
    for (let up = 1; up <= 4; up++) {
      at(70_000 + up);
      change(four.map((one, i) => ({ ...one, up: i < up })));
    }
    assert.deepEqual(homes(), before);
    assert.deepEqual(prepared, [], 'and nothing is prepared');
    at(80_000);
    change(four.map((one, i) => ({ ...one, up: i > 0 })));
    at(80_001);
    change(four);
    assert.notDeepEqual(homes(), before, 'a single one comes back bit by bit');
  });

  it('leave an invoker that drains bit by bit, while uncolored invocations leave it at once', () => {
    const { place, change, at, shares } = setUp('consistent-hashing', four, { moveMs: 10_000 });
    const homes = (): number[] => Array.from({ length: 2000 }, (_, i) => place(`c${i}`)?.instance ?? -1);
    const before = homes();
    at(60_000);
    const draining = four.map((one, i) => (i === 2 ? { ...one, up: false, drains: true as const } : one));
    change(draining);
    assert.equal(shares.candidate(2)?.up, false);
    const all = before.filter((home) => home === 2).length;
    for (const [second, share] of [
      [0, 1],
      [5, 0.5],
      [10, 0],
    ] as const) {
      at(60_000 + second * 1000);
      change(draining);
      const now = homes();
      const left = now.filter((home) => home === 2).length / all;
      assert.ok(Math.abs(left - share) < 0.1, `${left} after ${second} s`);
      now.forEach((home, i) => assert.ok(before[i] === 2 || home === before[i], 'colors of the others stay'));
    }
    at(80_000);
    change(four);
    at(90_000);
    assert.deepEqual(homes(), before);
  });

  it('leave an invoker that stops at once, even while it drains', () => {
    const { place, change, at } = setUp('consistent-hashing', four, { moveMs: 10_000 });
    const reach = (): boolean => Array.from({ length: 200 }, (_, i) => place(`c${i}`)?.instance).includes(2);
    at(60_000);
    change(four.map((one, i) => (i === 2 ? { ...one, up: false, drains: true as const } : one)));
    assert.equal(reach(), true);
    change(four.map((one, i) => (i === 2 ? { ...one, up: false } : one)));
    assert.equal(reach(), false);
  });

  it('have containers prepared at their new homes: by a new invoker, by one that is back, and by the others if one drains', () => {
    const { place, change, at, prepared } = setUp('consistent-hashing', four);
    const who = (): number[] => prepared.splice(0).map(({ invoker }) => invoker);
    place('c');
    at(60_000);
    assert.deepEqual(who(), [], 'those that were there prepare nothing');
    const five = [...four, ...four.slice(0, 1)];
    place('c');
    change(five);
    change(five);
    assert.deepEqual(prepared, [{ invoker: 4, containers: 1 }]);
    who();
    const without = (index: number, how: Partial<Invoker>): Invoker[] =>
      five.map((one, i) => (i === index ? { ...one, up: false, ...how } : one));
    change(without(1, {}));
    assert.deepEqual(who(), [], 'one that is gone');
    change(five);
    assert.deepEqual(who(), [1], 'is back');
    change(without(2, { drains: true }));
    assert.deepEqual(who(), [0, 1, 3, 4]);
    change(
      five
        .map((one): Invoker => ({ ...one, prepares: false }))
        .concat({ up: true, memory: 1024, used: 0, prepares: false }),
    );
    assert.deepEqual(who(), [], 'not by an invoker that does not say that it can');
  });
});
