import assert from 'node:assert/strict';
import type { InvokerHealth } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { Presence } from '../../../../controller/loadbalancer/Presence.js';
import { Warmth } from '../../../../controller/loadbalancer/Warmth.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const GONE_MS = 600_000;

function presence(): Presence {
  return new Presence(new Warmth(10_000, 0), GONE_MS);
}

function health(instance: number, over: Partial<InvokerHealth> = {}): InvokerHealth {
  return { instance: invokerInstance(instance, `host${instance}`, 1024), status: 'up', prepares: true, ...over };
}

const up = (count: number): InvokerHealth[] => Array.from({ length: count }, (_, i) => health(i));

describe('the presence of invokers', () => {
  it('ends after the time for which an invoker is down, once, and begins again with its next ping', () => {
    const all = presence();
    all.changed(up(2), 0);
    all.changed([health(0), health(1, { status: 'down' })], 1000);
    all.changed([health(0), health(1, { status: 'down' })], 5000);
    assert.equal(all.expire(1000 + GONE_MS - 1), false);
    assert.equal(all.isGone(1), false);
    assert.equal(all.expire(1000 + GONE_MS), true, 'counted from when it went down');
    assert.equal(all.isGone(1), true);
    assert.equal(all.expire(2000 + GONE_MS), false);
    all.changed(up(2), 3000 + GONE_MS);
    assert.equal(all.isGone(1), false);
  });

  it('does not begin with a number that never pinged', () => {
    const all = presence();
    all.changed(up(1), 0);
    const gap = health(1, { status: 'down', neverSeen: true });
    assert.deepEqual([...all.changed([health(0), gap, health(2)], 60_000)], [2]);
    assert.equal(all.expire(60_000 + GONE_MS), false);
    assert.deepEqual([...all.changed(up(3), 120_000)], [1], 'it joins then');
  });

  it('has 32 invokers prepare for the colors of one that drains, at most', () => {
    const all = presence();
    all.changed(up(100), 0);
    const draining = up(100).map((one, i) => (i === 5 ? health(5, { status: 'down', drains: true }) : one));
    const heirs = [...all.changed(draining, 60_000)];
    assert.equal(heirs.length, 32);
    assert.equal(heirs.includes(5), false);
    assert.deepEqual([...all.changed(draining, 61_000)], [], 'they are asked once');
  });

  it('has an invoker that is back prepare, unless all were down meanwhile', () => {
    const all = presence();
    const with1 = (status: InvokerHealth['status']): InvokerHealth[] => [health(0), health(1, { status })];
    all.changed(up(2), 0);
    all.changed(with1('down'), 60_000);
    assert.deepEqual([...all.changed(with1('unhealthy'), 61_000)], [1], 'its tests need not have ended');
    assert.deepEqual([...all.changed(up(2), 62_000)], []);
    all.changed(with1('down'), 70_000);
    all.changed(
      [0, 1].map((i) => health(i, { status: 'down' })),
      71_000,
    );
    assert.deepEqual([...all.changed(up(2), 72_000)], []);
  });
});
