import assert from 'node:assert/strict';
import { AlarmStore } from '../../../../../controller/catalog/alarms/AlarmStore.js';
import { AlarmScheduler } from '../../../../../controller/catalog/alarms/AlarmScheduler.js';
import type { Alarm } from '../../../../../controller/catalog/alarms/Alarm.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { Documents } from './Documents.js';

const soon = (ms: number, more: Partial<Alarm> = {}): Alarm => ({
  schedule: { kind: 'once', date: Date.now() + ms },
  payload: {},
  maxTriggers: -1,
  status: { active: true, dateChanged: 0 },
  next: Date.now() + ms,
  ...more,
});

/** Waits for at most 5 s. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await wait(5);
  assert.ok(condition(), 'it did not come');
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('the scheduler of alarms', () => {
  const schedulers: AlarmScheduler[] = [];
  afterEach(async () => {
    await Promise.all(schedulers.splice(0).map((scheduler) => scheduler.stop()));
  });

  function controller(store: Documents, turnMs: number, ready: () => boolean = () => true) {
    const fired: string[] = [];
    const alarms = new AlarmStore({ store, log: silentLogger });
    const scheduler = new AlarmScheduler({
      store: alarms,
      clock: Date.now,
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

  it('lets alarms go off on time, each once', async () => {
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0);
    await set('ns/b', soon(400));
    await set('ns/a', soon(20));
    scheduler.check();
    await until(() => fired.length > 0);
    assert.deepEqual(fired, ['ns/a']);
    await until(() => fired.length > 1);
    assert.deepEqual(fired, ['ns/a', 'ns/b']);
    assert.equal((await alarms.get('ns/a'))?.status.active, false);
    scheduler.check();
    await wait(30);
    assert.equal(fired.length, 2);
  });

  it('learns of an alarm that is created while it sleeps', async () => {
    const { scheduler, fired, set } = controller(new Documents(), 0);
    scheduler.check();
    await wait(10);
    await set('ns/a', soon(10));
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
    for (const { scheduler } of others) scheduler.check();
    await until(() => others.flatMap((other) => other.fired).length >= triggers.length);
    await wait(100);
    const fired = others.flatMap((other) => other.fired);
    assert.deepEqual(fired.toSorted(), triggers.toSorted());
  });

  it('leaves alarms to another controller, and takes those that are left', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 500)];
    const due = Date.now() + 10;
    await first.set('ns/a', soon(10));
    await first.set('ns/b', soon(10));
    second.scheduler.check();
    await first.alarms.edit(first.alarms.pageOf('ns/b'), (alarms) => void alarms.delete('ns/b'));
    await until(() => second.fired.length > 0);
    assert.ok(Date.now() >= due + 500);
    await wait(30);
    assert.deepEqual(second.fired, ['ns/a']);
  });

  it('reads changes again of which it had no notice', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 0)];
    second.scheduler.check();
    await wait(5);
    await first.set('ns/a', soon(0));
    await second.alarms.reload(second.alarms.pageOf('ns/a'));
    second.scheduler.check();
    await until(() => second.fired.length > 0);
    assert.deepEqual(second.fired, ['ns/a']);
  });

  it('does not make up for missed times, except for those of alarms that fire once', async () => {
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0);
    const schedule = { kind: 'interval', minutes: 10, startDate: Date.now() - 500_000 } as const;
    await set('ns/missed', { ...soon(-60_000), schedule });
    await set('ns/late', { ...soon(-1000), schedule });
    await set('ns/once', soon(-60_000));
    scheduler.check();
    await until(() => fired.length > 1);
    assert.deepEqual(fired.toSorted(), ['ns/late', 'ns/once']);
    assert.equal((await alarms.get('ns/missed'))?.next, schedule.startDate + 600_000);
  });

  it('waits until triggers can be fired', async () => {
    let up = false;
    const { scheduler, fired, set, alarms } = controller(new Documents(), 0, () => up);
    await set('ns/a', soon(0));
    scheduler.check();
    await wait(50);
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
    scheduler.check();
    await wait(150);
    assert.deepEqual(fired, []);
  });

  it('waits for a store that is down', async () => {
    const store = new Documents();
    const { scheduler, fired } = controller(store, 0);
    store.down = true;
    scheduler.check();
    await wait(10);
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
