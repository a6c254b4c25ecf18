import assert from 'node:assert/strict';
import { AlarmStore, PAGES } from '../../../../../controller/catalog/alarms/AlarmStore.js';
import { AlarmScheduler } from '../../../../../controller/catalog/alarms/AlarmScheduler.js';
import type { Alarm } from '../../../../../controller/catalog/alarms/Alarm.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { eventually } from '../../../../e2e/eventually.js';
import { Documents } from './Documents.js';

/** The time of all controllers, in ms since the epoch. It stands still except for `pass` in the tests. */
let now = 1_800_000_000_000;

const soon = (ms: number, more: Partial<Alarm> = {}): Alarm => ({
  schedule: { kind: 'once', date: now + ms },
  payload: {},
  maxTriggers: -1,
  status: { active: true, dateChanged: 0 },
  next: now + ms,
  ...more,
});

const until = (condition: () => boolean): Promise<void> =>
  eventually(() => assert.ok(condition(), `not yet: ${condition.toString()}`));

describe('the scheduler of alarms', () => {
  const schedulers: AlarmScheduler[] = [];
  afterEach(async () => {
    await Promise.all(schedulers.splice(0).map((scheduler) => scheduler.stop()));
  });

  function controller(
    store: Documents,
    turnMs: number,
    ready: () => boolean = () => true,
    clock: () => number = () => now,
  ) {
    const fired: string[] = [];
    const alarms = new AlarmStore({ store, log: silentLogger });
    const scheduler = new AlarmScheduler({
      store: alarms,
      clock,
      turnMs,
      ready,
      fire: (trigger) => Promise.resolve(void fired.push(trigger)),
      log: silentLogger,
    });
    schedulers.push(scheduler);
    const set = (trigger: string, alarm: Alarm) =>
      alarms.edit(alarms.pageOf(trigger), (alarms) => void alarms.set(trigger, alarm));
    return { alarms, scheduler, fired, set };
  }

  it('lets alarms go off at their times, each once', async () => {
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0);
    await set('ns/b', soon(400));
    await set('ns/a', soon(20));
    scheduler.check();
    now += 20;
    scheduler.check();
    await until(() => fired.length > 0);
    assert.deepEqual(fired, ['ns/a']);
    now += 380;
    scheduler.check();
    await until(() => fired.length > 1);
    assert.deepEqual(fired, ['ns/a', 'ns/b']);
    assert.equal((await alarms.get('ns/a'))?.status.active, false);
    scheduler.check();
    await scheduler.stop();
    assert.equal(fired.length, 2);
  });

  it('wakes for the next alarm', async () => {
    const { scheduler, fired, set } = controller(new Documents(), 0, () => true, Date.now);
    const soonest = Date.now() + 20;
    await set('ns/a', soon(0, { schedule: { kind: 'once', date: soonest }, next: soonest }));
    scheduler.check();
    await until(() => fired.length > 0);
    assert.ok(Date.now() >= soonest);
  });

  it('learns of an alarm that is created while it sleeps', async () => {
    const { scheduler, fired, set } = controller(new Documents(), 0);
    scheduler.check();
    await set('ns/a', soon(10));
    now += 10;
    scheduler.check();
    await until(() => fired.length > 0);
    assert.deepEqual(fired, ['ns/a']);
  });

  it('lets an alarm go off on one controller only', async () => {
    const store = new Documents();
    const maker = controller(store, 0);
    const triggers = Array.from({ length: 40 }, (_, i) => `ns/t${i}`);
    for (const trigger of triggers) await maker.set(trigger, soon(40));
    const others = [controller(store, 0), controller(store, 0), controller(store, 5)];
    now += 45;
    for (const { scheduler } of others) scheduler.check();
    await until(() => others.flatMap((other) => other.fired).length >= triggers.length);
    for (const { scheduler } of others) {
      scheduler.check();
      await scheduler.stop();
    }
    const fired = others.flatMap((other) => other.fired);
    assert.deepEqual(fired.toSorted(), triggers.toSorted());
  });

  it('leaves alarms to another controller, and takes those that are left', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 500)];
    await first.set('ns/a', soon(10));
    await first.set('ns/b', soon(10));
    second.scheduler.check();
    now += 509;
    second.scheduler.check();
    await second.alarms.load();
    await first.alarms.edit(first.alarms.pageOf('ns/b'), (alarms) => void alarms.delete('ns/b'));
    assert.deepEqual(second.fired, []);
    now += 1;
    second.scheduler.check();
    await until(() => second.fired.length > 0);
    await second.scheduler.stop();
    assert.deepEqual(second.fired, ['ns/a']);
  });

  it('reads changes again of which it had no notice', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 0)];
    second.scheduler.check();
    await until(() => store.reads >= PAGES);
    await new Promise(setImmediate);
    await first.set('ns/a', soon(0));
    await second.alarms.reload(second.alarms.pageOf('ns/a'));
    second.scheduler.check();
    await until(() => second.fired.length > 0);
    assert.deepEqual(second.fired, ['ns/a']);
  });

  it('does not make up for missed times, except for those of alarms that fire once', async () => {
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0);
    const schedule = { kind: 'interval', minutes: 10, startDate: now - 500_000 } as const;
    await set('ns/missed', { ...soon(-60_000), schedule });
    await set('ns/late', { ...soon(-1000), schedule });
    await set('ns/once', soon(-60_000));
    scheduler.check();
    await until(() => fired.length > 1);
    await scheduler.stop();
    assert.deepEqual(fired.toSorted(), ['ns/late', 'ns/once']);
    assert.equal((await alarms.get('ns/missed'))?.next, schedule.startDate + 600_000);
  });

  it('waits until triggers can be fired', async () => {
    let up = false;
    let asked = 0;
    const ready = (): boolean => {
      asked++;
      return up;
    };
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0, ready);
    await set('ns/a', soon(0));
    scheduler.check();
    // Once before it fires, once for the time of its next look.
    await until(() => asked >= 2);
    assert.deepEqual([fired, (await alarms.get('ns/a'))?.status.active], [[], true]);
    up = true;
    await until(() => fired.length > 0);
    assert.deepEqual(fired, ['ns/a']);
  });

  it('stops', async () => {
    const { scheduler, fired, set } = controller(new Documents(), 0);
    await set('ns/a', soon(100));
    scheduler.check();
    await scheduler.stop();
    now += 100;
    scheduler.check();
    await new Promise(setImmediate);
    assert.deepEqual(fired, []);
  });

  it('waits for a store that is down', async () => {
    const store = new Documents();
    const { scheduler, fired } = controller(store, 0);
    store.down = true;
    scheduler.check();
    await until(() => store.reads > 0);
    assert.deepEqual(fired, []);
    store.down = false;
    const maker = controller(store, 0);
    await maker.set('ns/a', soon(0));
    scheduler.check();
    await until(() => fired.length > 0);
    assert.deepEqual(fired, ['ns/a']);
  });
});

describe('the store of alarms', () => {
  it('keeps concurrent writes of others', async () => {
    const store = new Documents();
    const stores = [0, 1, 2].map(() => new AlarmStore({ store, log: silentLogger }));
    const page = 'palette-whisk:alarms:0';
    await Promise.all(stores.map((alarms, i) => alarms.edit(page, (alarms) => void alarms.set(`ns/${i}`, soon(1000)))));
    assert.equal((await stores[0]?.reload(page))?.size, 3);
  });

  it('writes nothing if nothing changes', async () => {
    const store = new Documents();
    const changes: string[] = [];
    const alarms = new AlarmStore({ store, log: silentLogger, onChange: (id) => void changes.push(id) });
    await alarms.edit(alarms.pageOf('ns/a'), (alarms) => void alarms.delete('ns/a'));
    assert.deepEqual(changes, []);
    await alarms.edit(alarms.pageOf('ns/a'), (alarms) => void alarms.set('ns/a', soon(1)));
    assert.deepEqual(changes, [alarms.pageOf('ns/a')]);
    assert.ok(alarms.isPage(alarms.pageOf('ns/a')) && !alarms.isPage('ns/a'));
  });

  it('skips an unreadable alarm and logs that', async () => {
    const store = new Documents();
    const warned: unknown[] = [];
    const log = { ...silentLogger, warn: (_: string, fields?: object) => void warned.push(fields) };
    const alarms = new AlarmStore({ store, log });
    const page = alarms.pageOf('ns/a');
    await store.put({ _id: page, alarms: { 'ns/a': { schedule: 'odd' }, 'ns/b': soon(1) } } as never);
    assert.deepEqual([...(await alarms.reload(page)).keys()], ['ns/b']);
    assert.deepEqual(warned, [{ page, trigger: 'ns/a' }]);
  });
});
