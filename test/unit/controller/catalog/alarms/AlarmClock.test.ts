import assert from 'node:assert/strict';
import { AlarmBook } from '../../../../../controller/catalog/alarms/AlarmBook.js';
import { AlarmClock } from '../../../../../controller/catalog/alarms/AlarmClock.js';
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

describe('the clock of alarms', () => {
  const clocks: AlarmClock[] = [];
  afterEach(async () => {
    await Promise.all(clocks.splice(0).map((clock) => clock.stop()));
  });

  function controller(store: Documents, turnMs: number, ready: () => boolean = () => true) {
    const rung: string[] = [];
    const book = new AlarmBook({ store, log: silentLogger });
    const clock = new AlarmClock({
      book,
      clock: Date.now,
      turnMs,
      ready,
      goOff: (trigger) => Promise.resolve(void rung.push(trigger)),
      log: silentLogger,
    });
    clocks.push(clock);
    const set = (trigger: string, alarm: Alarm) =>
      book.edit(book.pageOf(trigger), (alarms) => void alarms.set(trigger, alarm));
    return { book, clock, rung, set };
  }

  it('lets alarms go off on time, each once', async () => {
    const { clock, rung, set, book } = controller(new Documents(), 0);
    await set('ns/b', soon(400));
    await set('ns/a', soon(20));
    clock.look();
    await until(() => rung.length > 0);
    assert.deepEqual(rung, ['ns/a']);
    await until(() => rung.length > 1);
    assert.deepEqual(rung, ['ns/a', 'ns/b']);
    assert.equal((await book.get('ns/a'))?.status.active, false);
    clock.look();
    await wait(30);
    assert.equal(rung.length, 2);
  });

  it('hears of an alarm that is made while it sleeps', async () => {
    const { clock, rung, set } = controller(new Documents(), 0);
    clock.look();
    await wait(10);
    await set('ns/a', soon(10));
    clock.look();
    await until(() => rung.length > 0);
    assert.deepEqual(rung, ['ns/a']);
  });

  it('lets an alarm go off on one controller only', async () => {
    const store = new Documents();
    const maker = controller(store, 0);
    const triggers = Array.from({ length: 40 }, (_, i) => `ns/t${i}`);
    for (const trigger of triggers) await maker.set(trigger, soon(40));
    const others = [controller(store, 0), controller(store, 0), controller(store, 5)];
    for (const { clock } of others) clock.look();
    await until(() => others.flatMap((other) => other.rung).length >= triggers.length);
    await wait(100);
    const rung = others.flatMap((other) => other.rung);
    assert.deepEqual(rung.toSorted(), triggers.toSorted());
  });

  it('leaves alarms to another controller, and takes those that are left', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 500)];
    const due = Date.now() + 10;
    await first.set('ns/a', soon(10));
    await first.set('ns/b', soon(10));
    second.clock.look();
    await first.book.edit(first.book.pageOf('ns/b'), (alarms) => void alarms.delete('ns/b'));
    await until(() => second.rung.length > 0);
    assert.ok(Date.now() >= due + 500);
    await wait(30);
    assert.deepEqual(second.rung, ['ns/a']);
  });

  it('reads again what it did not hear of', async () => {
    const store = new Documents();
    const [first, second] = [controller(store, 0), controller(store, 0)];
    second.clock.look();
    await wait(5);
    await first.set('ns/a', soon(0));
    await second.book.reload(second.book.pageOf('ns/a'));
    second.clock.look();
    await until(() => second.rung.length > 0);
    assert.deepEqual(second.rung, ['ns/a']);
  });

  it('does not make up for what was missed, except for what comes only once', async () => {
    const { clock, rung, set, book } = controller(new Documents(), 0);
    const schedule = { kind: 'interval', minutes: 10, startDate: Date.now() - 500_000 } as const;
    await set('ns/missed', { ...soon(-60_000), schedule });
    await set('ns/late', { ...soon(-1000), schedule });
    await set('ns/once', soon(-60_000));
    clock.look();
    await until(() => rung.length > 1);
    assert.deepEqual(rung.toSorted(), ['ns/late', 'ns/once']);
    assert.equal((await book.get('ns/missed'))?.next, schedule.startDate + 600_000);
  });

  it('waits until triggers can be fired', async () => {
    let up = false;
    const { clock, rung, set, book } = controller(new Documents(), 0, () => up);
    await set('ns/a', soon(0));
    clock.look();
    await wait(50);
    assert.deepEqual([rung, (await book.get('ns/a'))?.status.active], [[], true]);
    up = true;
    await until(() => rung.length > 0);
    assert.deepEqual(rung, ['ns/a']);
  });

  it('stops', async () => {
    const { clock, rung, set } = controller(new Documents(), 0);
    await set('ns/a', soon(100));
    clock.look();
    await clock.stop();
    clock.look();
    await wait(150);
    assert.deepEqual(rung, []);
  });

  it('waits for a store that is down', async () => {
    const store = new Documents();
    const { clock, rung } = controller(store, 0);
    store.down = true;
    clock.look();
    await wait(10);
    assert.deepEqual(rung, []);
    store.down = false;
    const maker = controller(store, 0);
    await maker.set('ns/a', soon(0));
    clock.look();
    await until(() => rung.length > 0);
    assert.deepEqual(rung, ['ns/a']);
  });
});

describe('the book of alarms', () => {
  it('keeps what others write at the same time', async () => {
    const store = new Documents();
    const books = [0, 1, 2].map(() => new AlarmBook({ store, log: silentLogger }));
    const page = 'palette-whisk:alarms:0';
    await Promise.all(books.map((book, i) => book.edit(page, (alarms) => void alarms.set(`ns/${i}`, soon(1000)))));
    assert.equal((await books[0]?.reload(page))?.size, 3);
  });

  it('writes nothing where nothing changes', async () => {
    const store = new Documents();
    const changes: string[] = [];
    const book = new AlarmBook({ store, log: silentLogger, onChange: (id) => void changes.push(id) });
    await book.edit(book.pageOf('ns/a'), (alarms) => void alarms.delete('ns/a'));
    assert.deepEqual(changes, []);
    await book.edit(book.pageOf('ns/a'), (alarms) => void alarms.set('ns/a', soon(1)));
    assert.deepEqual(changes, [book.pageOf('ns/a')]);
    assert.ok(book.isPage(book.pageOf('ns/a')) && !book.isPage('ns/a'));
  });

  it('leaves out an alarm that it cannot read, and says so', async () => {
    const store = new Documents();
    const warned: unknown[] = [];
    const log = { ...silentLogger, warn: (_: string, fields?: object) => void warned.push(fields) };
    const book = new AlarmBook({ store, log });
    const page = book.pageOf('ns/a');
    await store.put({ _id: page, alarms: { 'ns/a': { schedule: 'odd' }, 'ns/b': soon(1) } } as never);
    assert.deepEqual([...(await book.reload(page)).keys()], ['ns/b']);
    assert.deepEqual(warned, [{ page, trigger: 'ns/a' }]);
  });
});
