import assert from 'node:assert/strict';
import { LogEnds } from '../../../../../invoker/runtimes/nodejs/LogEnds.js';

/** The ends of logs, with output that a test decides. */
class Fixture {
  marks = 0;
  opened = 0;
  pending = false;
  busy = false;
  /** The bytes that JavaScript has written. */
  bytes = 0;
  /** What is called if the process ends. */
  readonly exit = new Set<() => void>();
  responded = 0;
  /** Whether the output can be watched, and whether sentinels leave a trace. */
  opens = true;
  visible = true;
  seen = { stdout: false, stderr: false };
  /** Called while it waits for traces. */
  meanwhile = (): void => {};
  #open = false;
  readonly ends = new LogEnds({
    mark: () => {
      this.marks++;
      this.bytes += 80;
      this.write('stdout');
      this.write('stderr');
    },
    pending: () => this.pending,
    busy: () => this.busy,
    written: () => this.bytes,
    onExit: (listener) => {
      this.exit.add(listener);
      return () => this.exit.delete(listener);
    },
    watch: this.#watch(),
  });

  #watch(): NonNullable<ConstructorParameters<typeof LogEnds>[0]['watch']> {
    // oxlint-disable-next-line typescript/no-this-alias -- for the getter
    const fixture = this;
    return {
      open: () => {
        this.seen = { stdout: false, stderr: false };
        this.opened++;
        return (this.#open = this.opens);
      },
      close: () => void (this.#open = false),
      settle: async () => this.meanwhile(),
      get seen() {
        return fixture.seen;
      },
    };
  }

  write(stream: 'stdout' | 'stderr'): void {
    if (this.#open && this.visible) this.seen[stream] = true;
  }

  async run(during = (): void => {}, onDemand = true): Promise<boolean> {
    const run = this.ends.begin(onDemand);
    during();
    try {
      return await this.ends.end(run, () => this.responded++);
    } finally {
      this.ends.finish();
    }
  }

  /** @returns the number of runs with sentinels before one without them, up to 1000 */
  async untilSilent(): Promise<number> {
    for (let marked = 0; marked < 1000; marked++) if (await this.run()) return marked;
    return 1000;
  }
}

describe('the ends of logs', () => {
  it('are left out after runs that write nothing, and after those only', async () => {
    const f = new Fixture();
    const marked = await f.untilSilent();
    assert.equal(f.marks, marked);
    assert.equal(await f.run(), true);
    assert.equal(await f.run(() => f.write('stderr')), false);
    assert.equal(f.marks, marked + 1);
    assert.equal(await f.run(), true);
  });

  it('are written for output between runs, and for output while the last traces come', async () => {
    const f = new Fixture();
    await f.untilSilent();
    f.write('stdout');
    assert.equal(await f.run(), false);
    await f.untilSilent();
    f.meanwhile = () => f.write('stdout');
    assert.equal(await f.run(), false);
  });

  it('are written while output waits in the process, and if the action is busy', async () => {
    const f = new Fixture();
    await f.untilSilent();
    f.pending = true;
    assert.equal(await f.run(), false);
    f.pending = false;
    await f.untilSilent();
    f.busy = true;
    assert.equal(await f.run(), false);
    f.busy = false;
    await f.untilSilent();
    f.meanwhile = () => (f.pending = true);
    assert.equal(await f.run(), false);
  });

  it('are written at once, without a wait, if the action is busy', async () => {
    const f = new Fixture();
    await f.untilSilent();
    f.busy = true;
    f.meanwhile = () => assert.fail('it waited');
    for (let i = 0; i < 1000; i++) assert.equal(await f.run(), false);
  });

  it('are written for output without a trace that JavaScript has written', async () => {
    const f = new Fixture();
    await f.untilSilent();
    assert.equal(await f.run(() => (f.bytes += 5)), false);
    await f.untilSilent();
    f.meanwhile = () => (f.bytes += 5);
    assert.equal(await f.run(), false);
  });

  it('are written with the response if the process ends while traces may come', async () => {
    const f = new Fixture();
    let marks: number[] = [];
    f.meanwhile = () => {
      const before = f.marks;
      for (const listener of f.exit) listener();
      marks.push(f.marks - before);
    };
    await f.run();
    for (let i = 0; i < 20 && marks.length < 1; i++) await f.run();
    // The sentinels of the proof are written before.
    assert.deepEqual([marks, f.responded], [[0], 1]);
    marks = [];
    for (let i = 0; i < 20 && marks.length < 1; i++) await f.run();
    assert.deepEqual([marks, f.responded], [[1], 2]);
    assert.equal(f.exit.size, 0);
  });

  it('are written for an invoker that does not ask, also in between', async () => {
    const f = new Fixture();
    for (let i = 0; i < 20; i++) assert.equal(await f.run(undefined, false), false);
    assert.equal(f.opened, 0);
    await f.untilSilent();
    assert.equal(await f.run(), true);
    assert.equal(await f.run(undefined, false), false);
    assert.equal(await f.run(), false);
    assert.equal(await f.run(), true);
  });

  it('are written for runs that overlap, also those that begin while the last traces come', async () => {
    const f = new Fixture();
    await f.untilSilent();
    const [first, second] = [f.ends.begin(true), f.ends.begin(true)];
    assert.equal(await f.ends.end(first, () => {}), false);
    f.ends.finish();
    assert.equal(await f.ends.end(second, () => {}), false);
    f.ends.finish();
    await f.untilSilent();
    f.meanwhile = () => void f.ends.begin(true);
    assert.equal(await f.run(), false);
  });

  it('are watched less often for an action that often writes, and again when it has become silent', async () => {
    const f = new Fixture();
    await f.untilSilent();
    for (let i = 0; i < 2000; i++) assert.equal(await f.run(() => f.write('stdout')), false);
    assert.ok(f.opened < 20, `watched ${f.opened} times`);
    assert.ok((await f.untilSilent()) <= 256);
    for (let i = 0; i < 10; i++) assert.equal(await f.run(), true);
    await f.run(() => f.write('stdout'));
    assert.equal(await f.untilSilent(), 0);
    // An action that writes in a third of its runs is worth the watch, and one that writes in half of them is not.
    let silent = 0;
    for (let i = 0; i < 99; i++) if (await f.run(i % 3 === 2 ? () => f.write('stderr') : undefined)) silent++;
    assert.equal(silent, 66);
    f.opened = 0;
    for (let i = 0; i < 1000; i++) await f.run(i % 2 === 0 ? () => f.write('stderr') : undefined);
    assert.ok(f.opened < 20, `watched ${f.opened} times`);
  });

  it('are written always if sentinels leave no trace', async () => {
    const f = new Fixture();
    f.visible = false;
    assert.equal(await f.untilSilent(), 1000);
    assert.equal(f.marks, 1000);
    assert.equal(f.opened, 1);
  });

  it('are written while the machine has no watcher left', async () => {
    const f = new Fixture();
    f.opens = false;
    assert.equal(await f.untilSilent(), 1000);
    assert.ok(f.opened < 20, `tried ${f.opened} times`);
    f.opens = true;
    assert.ok((await f.untilSilent()) <= 257);
  });

  it('are written always if the output cannot be watched', async () => {
    let marks = 0;
    const ends = new LogEnds({
      mark: () => marks++,
      pending: () => false,
      busy: () => false,
      written: () => 0,
      onExit: () => () => {},
      watch: undefined,
    });
    for (let i = 0; i < 10; i++) {
      assert.equal(await ends.end(ends.begin(true), () => {}), false);
      ends.finish();
    }
    assert.equal(marks, 10);
  });
});
