import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ColorWaits, type ColoredJob } from '../../../../invoker/pool/ColorWaits.js';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { ok } from './FakeDriver.js';
import { Gate, message, PoolFixture, settle } from './setup.js';

/** Timers that a test fires. */
class Timers {
  readonly pending: { readonly at: number; readonly run: () => void }[] = [];

  readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.now() + ms, run };
    this.pending.push(timer);
    return () => {
      const index = this.pending.indexOf(timer);
      if (index >= 0) this.pending.splice(index, 1);
    };
  };

  fire(): void {
    const due = this.pending.filter(({ at }) => at <= this.now());
    for (const timer of due) {
      this.pending.splice(this.pending.indexOf(timer), 1);
      timer.run();
    }
  }
}

interface Job extends ColoredJob {
  readonly name: string;
}

const red = (name: string, patienceMs = 100, key = 'a'): Job => ({ name, key, color: 'red', patienceMs });

/** The jobs that wait for the containers of a table, and what became of them, with the durations of their waits. */
class Waits {
  now = 1000;
  readonly timers = new Timers(() => this.now);
  readonly table = new ContainerTable<ContainerEntry>(4096, 8);
  readonly ended: (readonly [name: string, to: string, waitedMs: number])[] = [];
  goneOn = 0;
  readonly jobs = new ColorWaits<Job, ContainerEntry>({
    table: this.table,
    now: () => this.now,
    after: this.timers.after,
    start: ({ name }, { id }, waitedMs) => {
      this.ended.push([name, String(id), waitedMs]);
    },
    giveUp: ({ name }, waitedMs) => {
      this.ended.push([name, 'elsewhere', waitedMs]);
    },
    goOn: () => {
      this.goneOn++;
    },
  });

  /** A container that runs an activation of the color since now. @param meanMs of a run. */
  busy(id: number, meanMs: number | undefined = 40, key = 'a'): ContainerEntry {
    const entry = { ...newEntry(id, 'k', 128), lastAssigned: this.now };
    this.table.addFor(entry, key, 1);
    this.table.setState(entry, 'warm');
    this.table.assign(entry, 'red');
    const group = this.table.group(key);
    if (group) group.meanRunMs = meanMs;
    return entry;
  }

  /** The names of the jobs that wait, after which none does. */
  shiftAll(): string[] {
    const names: string[] = [];
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) names.push(job.name);
    return names;
  }
}

describe('the jobs that wait for a container of their color', () => {
  it('are those that expect it within their patience', () => {
    const waits = new Waits();
    assert.equal(waits.jobs.admit(red('no container')), false);
    waits.busy(1);
    assert.equal(waits.jobs.admit(red('too impatient', 39)), false);
    assert.equal(waits.jobs.admit({ ...red('no color'), color: undefined }), false);
    assert.equal(waits.jobs.admit({ ...red('other color'), color: 'blue' }), false);
    assert.equal(waits.jobs.size, 0);
    assert.equal(waits.jobs.admit(red('first')), true);
    assert.equal(waits.jobs.admit(red('second')), true);
    assert.equal(waits.jobs.admit(red('third')), false, '120 ms');
    assert.equal(waits.jobs.size, 2);
    assert.equal(waits.timers.pending.length, 2);
    assert.deepEqual(waits.shiftAll(), ['first', 'second']);
  });

  it('do not include one without patience, however soon a container has room', () => {
    const waits = new Waits();
    waits.busy(1, 0);
    assert.equal(waits.jobs.admit(red('none', 0)), false);
    assert.equal(waits.jobs.admit(red('1 ms', 1)), true);
  });

  it('do not include one whose container has room', () => {
    const waits = new Waits();
    waits.busy(1);
    waits.table.release(waits.busy(2), false, waits.now);
    assert.equal(waits.jobs.admit(red('first')), false);
  });

  it('count for the container that was expected first for each', () => {
    const waits = new Waits();
    waits.busy(1);
    waits.now += 10;
    waits.busy(2);
    // 30, 40, 70, 80 ms; the fifth would wait for 110 ms.
    const admitted = ['first', 'second', 'third', 'fourth', 'fifth'].map((name) => waits.jobs.admit(red(name)));
    assert.deepEqual(admitted, [true, true, true, true, false]);
  });

  it('start in order of arrival when their container has room, with the duration of their wait', () => {
    const waits = new Waits();
    const home = waits.busy(1);
    waits.jobs.admit(red('first'));
    waits.now += 5;
    waits.jobs.admit(red('second'));
    waits.jobs.serve('a');
    assert.deepEqual(waits.ended, [], 'it is still busy');
    waits.now += 15;
    waits.table.release(home, false, waits.now);
    waits.jobs.serve('b');
    assert.deepEqual(waits.ended, [], 'the containers of another action');
    waits.jobs.serve('a');
    assert.deepEqual(waits.ended, [
      ['first', '1', 20],
      ['second', '1', 15],
    ]);
    assert.deepEqual([waits.jobs.size, waits.timers.pending.length, waits.goneOn], [0, 0, 0]);
  });

  it('go on waiting when one of two containers stops, and go elsewhere when both have', () => {
    const waits = new Waits();
    const homes = [waits.busy(1), waits.busy(2)] as const;
    waits.jobs.admit(red('first'));
    waits.table.setState(homes[0], 'draining');
    waits.jobs.serve('a');
    assert.deepEqual(waits.ended, []);
    waits.table.setState(homes[1], 'draining');
    waits.jobs.serve('a');
    assert.deepEqual(waits.ended, [['first', 'elsewhere', 0]]);
    assert.equal(waits.goneOn, 0, 'the caller of serve goes on itself');
  });

  it('go elsewhere when no container of their action is left, or theirs must be resumed', () => {
    const gone = new Waits();
    const removed = gone.busy(1);
    gone.jobs.admit(red('first'));
    gone.table.retire(removed);
    gone.jobs.serve('a');
    assert.deepEqual(gone.ended, [['first', 'elsewhere', 0]]);

    const asleep = new Waits();
    const paused = asleep.busy(1);
    asleep.jobs.admit(red('first'));
    asleep.table.release(paused, false, asleep.now);
    asleep.table.setState(paused, 'paused');
    asleep.jobs.serve('a');
    assert.deepEqual(asleep.ended, [['first', 'elsewhere', 0]]);
  });

  it('go elsewhere after their patience, each once', () => {
    const waits = new Waits();
    waits.busy(1);
    waits.jobs.admit(red('first', 50));
    waits.jobs.admit(red('second', 80));
    waits.now += 50;
    waits.timers.fire();
    assert.deepEqual(waits.ended, [['first', 'elsewhere', 50]]);
    assert.deepEqual([waits.goneOn, waits.jobs.size], [1, 1]);
    waits.now += 30;
    waits.timers.fire();
    assert.deepEqual(waits.ended.slice(1), [['second', 'elsewhere', 80]]);
    assert.deepEqual([waits.goneOn, waits.jobs.size, waits.timers.pending.length], [2, 0, 0]);
  });

  it('leave one by one, action by action', () => {
    const waits = new Waits();
    waits.busy(1);
    waits.busy(2, 40, 'b');
    for (const job of [red('first'), red('other', 100, 'b'), red('second')]) assert.ok(waits.jobs.admit(job));
    assert.deepEqual(waits.shiftAll(), ['first', 'second', 'other']);
    assert.deepEqual([waits.jobs.size, waits.timers.pending.length, waits.ended], [0, 0, []]);
  });

  it('never waited for a negative time, even if the clock was set back', () => {
    const waits = new Waits();
    const home = waits.busy(1);
    waits.jobs.admit(red('first'));
    waits.now -= 500;
    waits.table.release(home, false, waits.now);
    waits.jobs.serve('a');
    assert.deepEqual(waits.ended, [['first', '1', 0]]);
  });
});

/** A pool whose action takes 40 ms on average, and in which each run passes the gate of its color. */
async function warmRed(userMemoryMB = 1024) {
  let f: PoolFixture | undefined;
  const timers = new Timers(() => f?.now ?? 0);
  const fixture = (f = new PoolFixture({ userMemoryMB }, [], { after: timers.after }));
  const gate = new Gate();
  let held = false;
  fixture.driver.answer = async ({ path }) => {
    if (path === '/run' && held) await gate.pass();
    else if (path === '/run') fixture.now += 40;
    return ok({});
  };
  const submit = (color: string | undefined, patience?: number, namespace = 'guest'): Promise<Handled> =>
    fixture.run(
      {},
      {
        user: { ...message().user, namespace: { name: namespace, uuid: namespace } },
        ...(color === undefined
          ? {}
          : { color: { value: color, hit: true, ...(patience === undefined ? {} : { patience }) } }),
      },
    );
  const pass = async (ms: number): Promise<void> => {
    fixture.now += ms;
    timers.fire();
    await settle();
  };
  await submit('red');
  await settle();
  held = true;
  return { f: fixture, gate, submit, pass, timers };
}

const CONTAINER = 'container';
const containers = (f: PoolFixture): unknown[] =>
  f.heard.records.map(({ annotations }) => annotations.find(({ key }) => key === CONTAINER)?.value);

describe('an activation whose container is busy', () => {
  it('waits for it within its patience, while another one would be cold', async () => {
    const { f, gate, submit } = await warmRed();
    const both = [submit('red', 100), submit('red', 100)];
    await settle();
    assert.equal(f.driver.containers.length, 1);
    assert.equal(f.pool.counts().waiting, 1);
    gate.one();
    await settle();
    assert.equal(f.pool.counts().waiting, 0);
    gate.open();
    await Promise.all(both);
    assert.equal(f.driver.containers.length, 1);
    assert.equal(new Set(containers(f)).size, 1);
    assert.match(await f.registry.metrics(), /invoker_color_wait_seconds_count\{outcome="met"\} 1/);
  });

  it('waits for it also while a container of other colors has room', async () => {
    const { f, gate, submit } = await warmRed();
    const first = [submit('red'), submit('blue')];
    await settle();
    assert.equal(f.driver.containers.length, 2);
    gate.one();
    gate.one();
    await Promise.all(first);
    const [red] = containers(f).slice(-2);
    const both = [submit('red', 100), submit('red', 100)];
    await settle();
    assert.equal(f.pool.counts().waiting, 1);
    gate.open();
    await Promise.all(both);
    assert.deepEqual(containers(f).slice(-2), [red, red]);
  });

  it('gets another container at once without patience, or without a color', async () => {
    for (const [color, patience] of [
      ['red', undefined],
      ['red', 0],
      [undefined, undefined],
    ] as const) {
      const { f, gate, submit } = await warmRed();
      const both = [submit('red', 100), submit(color, patience)];
      await settle();
      assert.equal(f.driver.containers.length, 2);
      gate.open();
      await Promise.all(both);
    }
  });

  it('gets another container if too many wait already', async () => {
    const { f, gate, submit } = await warmRed();
    const all = [1, 2, 3, 4].map(() => submit('red', 100));
    await settle();
    // Of 40 ms each, one runs and two may wait: the next would wait for 120 ms.
    assert.equal(f.pool.counts().waiting, 2);
    assert.equal(f.driver.containers.length, 2);
    gate.open();
    await Promise.all(all);
  });

  it('is not held up by one long call beyond its patience', async () => {
    const { f, gate, submit, pass } = await warmRed();
    const both = [submit('red', 100), submit('red', 100)];
    await settle();
    await pass(99);
    assert.equal(f.driver.containers.length, 1);
    await pass(1);
    assert.equal(f.driver.containers.length, 2);
    assert.equal(f.pool.counts().waiting, 0);
    assert.match(await f.registry.metrics(), /invoker_color_wait_seconds_count\{outcome="elsewhere"\} 1/);
    // From now on nobody waits for that container.
    const third = submit('red', 100);
    await settle();
    assert.equal(f.driver.containers.length, 2, 'it waits for the container that began just now');
    gate.open();
    await Promise.all([...both, third]);
  });

  it('gets another container at once if its own container dies', async () => {
    const { f, gate, submit } = await warmRed();
    const both = [submit('red', 100), submit('red', 100)];
    await settle();
    f.driver.containers[0]?.die();
    await settle();
    assert.equal(f.pool.counts().waiting, 0);
    assert.equal(f.driver.alive.length, 1);
    gate.open();
    await Promise.all(both);
  });

  it('takes its turn with the others while these wait for just any container', async () => {
    const { f, gate, submit } = await warmRed(256);
    const running = submit('red', 100);
    const other = submit(undefined, undefined, 'other');
    await settle();
    assert.equal(f.pool.counts().waiting, 1);
    const late = submit('red', 100);
    await settle();
    assert.equal(f.pool.counts().waiting, 2);
    gate.open();
    await Promise.all([running, other, late]);
    assert.deepEqual(
      f.heard.records.slice(1).map(({ namespace }) => namespace),
      ['guest', 'other', 'guest'],
    );
  });

  it('is left to the next run, or ended, when the invoker stops', async () => {
    const { f, gate, submit } = await warmRed();
    const running = submit('red', 100);
    const waiting = submit('red', 100);
    await settle();
    f.pool.leaveWaiting();
    assert.equal(await waiting, 'left');
    gate.open();
    await running;

    const again = await warmRed();
    const both = [again.submit('red', 100), again.submit('red', 100)];
    await settle();
    await again.f.pool.close(0);
    again.gate.open();
    await Promise.all(both);
    assert.equal(again.f.pool.counts().waiting, 0);
    assert.equal(again.timers.pending.length, 0);
  });

  it('waits no longer than its patience, whatever else happens, and nothing is lost', async () => {
    const event = fc.oneof(
      fc.record({
        kind: fc.constant('submit' as const),
        color: fc.constantFrom('red', 'blue', undefined),
        patience: fc.constantFrom(0, 50, 100),
        namespace: fc.constantFrom('guest', 'other'),
      }),
      fc.record({ kind: fc.constant('end' as const) }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 80 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const { f, gate, submit, pass, timers } = await warmRed(512);
        const all: Promise<Handled>[] = [];
        for (const each of events) {
          if (each.kind === 'submit') all.push(submit(each.color, each.patience, each.namespace));
          else if (each.kind === 'end') gate.one();
          else await pass(each.ms);
          await settle();
          assert.ok(timers.pending.every(({ at }) => at > f.now && at <= f.now + 100));
          const { waiting, containers: counts } = f.pool.counts();
          const full = f.driver.memoryMB >= 512;
          // Only for its color's container does an activation wait while there is memory.
          if (!full && counts.busy === 0 && counts.initializing === 0) assert.equal(waiting, 0);
          if (!full) assert.ok(waiting <= timers.pending.length);
        }
        gate.open();
        // What waits for its color goes on when a container has room, without a timer.
        await Promise.all(all);
        assert.equal(timers.pending.length, 0);
        assert.equal(f.heard.records.length, 1 + all.length);
      }),
      { numRuns: 60 },
    );
  });
});
