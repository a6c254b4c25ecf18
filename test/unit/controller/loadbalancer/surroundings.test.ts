import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { ColorMetrics } from '../../../../controller/loadbalancer/ColorMetrics.js';
import { ColorMistakes } from '../../../../controller/loadbalancer/ColorMistakes.js';
import { Colors } from '../../../../controller/loadbalancer/Colors.js';
import type { InvokerHealth, InvokerStatus } from '../../../../controller/loadbalancer/LoadBalancer.js';
import type { InvokerLoad } from '../../../../shared/colors/ColorPolicy.js';
import { LoadReports } from '../../../../controller/loadbalancer/LoadReports.js';
import type { ResourceRequest } from '../../../../controller/loadbalancer/schedule.js';
import { Shares } from '../../../../controller/loadbalancer/Shares.js';
import { BALANCER } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import type { ColorMessage } from '../../../../shared/messages/color.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { POLICY_OPTIONS, type PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { range } from '../../shared/colors/workload.js';
import { settle } from './installation.js';
import { activationMessage } from './messages.js';

const resources: ResourceRequest = { key: 'guest/a@0.0.1', concurrency: 1, memory: 128 };
const MINUTE = 60_000;

/** Colors over four invokers, with a clock that stands still until it is moved. */
async function setUp(policy: PolicyName, leads = true) {
  const messaging = new EmbeddedMessaging();
  const told: ColorMessage[] = [];
  await messaging.consume({
    topic: topics().colors,
    group: 'test',
    maxInFlight: 1000,
    handle: (message) => void told.push(message),
  });
  const shares = new Shares({ ...BALANCER.shares, managedFraction: 1 });
  let now = 0;
  const colors = new Colors({
    messaging,
    topic: topics().colors,
    logger: silentLogger,
    metrics: new ColorMetrics(new Registry()),
    options: {
      ...BALANCER.colors,
      policy,
      patienceMs: 0,
      moveMs: 0,
      parameters: POLICY_OPTIONS,
      goneAfterMs: 10 * MINUTE,
    },
    shares,
    totalUnderWay: () => 0,
    self: '0',
    leads: () => leads,
    now: () => now,
  });
  const invokers = (...statuses: readonly InvokerStatus[]): void => {
    const list: InvokerHealth[] = statuses.map((status, i) => ({
      instance: invokerInstance(i, `${i}`, 65_536),
      status,
    }));
    shares.updateInvokers(list);
    colors.invokersChanged(list);
  };
  invokers('up', 'up', 'up', 'up');
  const home = (color: number): number | undefined => {
    const message = activationMessage();
    return colors.place(shares.managed, message, { value: `c${color}` }, resources, () => undefined)?.candidate
      .instance;
  };
  return {
    colors,
    shares,
    invokers,
    home,
    told,
    pass: (ms: number) => {
      now += ms;
      colors.tick();
    },
  };
}

describe('colors and time', () => {
  for (const policy of ['least-assigned', 'bucket-hashing', 'consistent-hashing'] as const) {
    it(`${policy}: wait ten minutes for an invoker that is down, and then find new homes`, async () => {
      const { colors, invokers, home, pass } = await setUp(policy);
      await colors.start();
      const before = range(200).map(home);
      invokers('up', 'down', 'up', 'up');
      pass(9 * MINUTE);
      for (const color of range(200)) assert.notEqual(home(color), 1);
      invokers('up', 'up', 'up', 'up');
      assert.deepEqual(range(200).map(home), before, 'all came home');
      invokers('up', 'down', 'up', 'up');
      pass(11 * MINUTE);
      const moved = range(200).map(home);
      const hits = colors.view().inUse[0]?.hits ?? 0;
      range(200).forEach((color) => home(color));
      assert.equal(colors.view().inUse[0]?.hits, hits + 200, 'at home in the new ones');
      before.forEach((was, color) => {
        if (was !== 1) assert.equal(moved[color], was, 'and nothing else moved');
      });
      await colors.close();
    });
  }

  it('are sent with the assignments that were made while the topic was still read', async () => {
    const { colors, shares, home, told } = await setUp('consistent-hashing');
    await colors.start();
    assert.equal(told.length, 0, 'a policy without a table shares nothing');
    const message = activationMessage();
    colors.place(shares.managed, message, { value: 'first', policy: 'least-assigned' }, resources, () => undefined);
    await settle();
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['mark', 'update'],
    );
    home(1);
    await settle();
    assert.equal(told.length, 2);
    await colors.close();
  });

  it('move buckets away from a busy invoker every ten seconds, if this controller leads', async () => {
    for (const leads of [true, false]) {
      const { colors, shares, home, told, pass } = await setUp('bucket-hashing', leads);
      await colors.start();
      range(400).forEach((color) => home(color));
      shares.candidate(0)?.capacity.take('x', 1, 10_000);
      for (const other of [1, 2, 3]) shares.candidate(other)?.capacity.take('x', 1, 1000);
      for (let second = 0; second < 10; second++) pass(1000);
      await settle();
      const moves = colors.view().inUse[0]?.moves ?? 0;
      if (leads) assert.ok(moves > 0 && moves <= POLICY_OPTIONS.maxBucketMoves, `${moves}`);
      else assert.equal(moves, 0);
      assert.equal(
        told.filter((message) => message.kind === 'update' && message.key === 'buckets').length,
        leads ? 1 : 0,
      );
      await colors.close();
    }
  });
});

describe('load reports', () => {
  it('are the means of the MB in use since the last one, each tenth time', () => {
    const shares = new Shares(BALANCER.shares);
    const health = [0, 1].map((i) => ({ instance: invokerInstance(i, String(i), 1024), status: 'up' as const }));
    shares.updateInvokers(health.slice(0, 1));
    const reports = new LoadReports();
    const capacity = shares.known(0).capacity;
    const until = (from: number): (readonly InvokerLoad[] | undefined)[] =>
      Array.from({ length: 9 }, (_, i) => reports.report(shares.all, from + 1000 * i));
    capacity.take('x', 1, 100, 10, 1000);
    assert.deepEqual(new Set(until(2000)), new Set([undefined]));
    capacity.release('x', 1, 100, 10, 6500);
    // 4.5 of 9 seconds: the first report begins with the first call.
    assert.deepEqual(reports.report(shares.all, 11_000), [{ invoker: 0, load: 50 }]);
    shares.updateInvokers(health);
    capacity.take('x', 1, 100, 10, 12_000);
    capacity.take('x', 1, 200, 10, 20_000);
    until(12_000);
    const [first, second] = reports.report(shares.all, 21_000) ?? [];
    assert.deepEqual(first, { invoker: 0, load: (100 * 9 + 200) / 10 });
    assert.deepEqual(second, { invoker: 1, load: 0 });
  });

  it('say nothing of an invoker without a time', () => {
    const shares = new Shares(BALANCER.shares);
    shares.updateInvokers([{ instance: invokerInstance(0, '0', 1024), status: 'up' }]);
    const reports = new LoadReports();
    for (let i = 0; i < 9; i++) reports.report(shares.all, 1000);
    assert.deepEqual(reports.report(shares.all, 1000), []);
  });
});

describe('mistakes in color annotations', () => {
  it('are counted, newest first, and not kept without end', async () => {
    const registry = new Registry();
    const mistakes = new ColorMistakes(registry);
    for (let i = 0; i < 300; i++) mistakes.note(`guest/a${i}`, '{x', { at: 0, message: 'a { without a } after it' });
    mistakes.note('guest/a250', '{y', { at: 0, message: 'a { without a } after it' });
    const list = mistakes.list();
    assert.equal(list.length, 200);
    assert.deepEqual([list[0]?.entity, list[0]?.times, list[0]?.template], ['guest/a250', 2, '{y']);
    assert.equal(list[1]?.entity, 'guest/a299');
    assert.match(await registry.metrics(), /color_template_mistakes_total 301/);
  });

  it('take little memory, however many there are and however long', () => {
    const mistake = { at: 0, message: 'a { without a } after it' };
    const mistakes = new ColorMistakes(new Registry());
    for (let i = 0; i < 300; i++) mistakes.note(`guest/a${i}`, `{${'x'.repeat(1_000_000)}`, mistake);
    mistakes.note('guest/list', ['x'.repeat(1_000_000)], mistake);
    mistakes.note('guest/object', { x: 'x'.repeat(1_000_000) }, mistake);
    mistakes.note('guest/true', true, mistake);
    const list = mistakes.list();
    assert.equal(list.length, 200);
    assert.deepEqual(
      list.slice(0, 3).map(({ template }) => template),
      [true, '{…}', '[…]'],
    );
    assert.equal(list[3]?.template, `{${'x'.repeat(999)}…`);
    assert.ok(JSON.stringify(list).length < 250_000);
  });
});
