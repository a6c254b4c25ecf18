import assert from 'node:assert/strict';
import { LiveLines } from '../../../../../deploy/standalone/activity/LiveLines.js';
import { MAX_LIVE_LENGTH } from '../../../../../invoker/activations/liveLines.js';

const of = (line: string) => ({ activationId: 'a1', path: 'guest/hello', line, sure: true });

/** Lines with a hold of 150 ms on a clock of its own. */
class Clocked {
  readonly shown: string[] = [];
  readonly lines: LiveLines;
  /** The waits that were asked for, in ms, and the one that is due next. */
  readonly waits: number[] = [];
  #now = 1000;
  #next: { readonly at: number; readonly run: () => void } | undefined;

  constructor() {
    this.lines = new LiveLines({
      show: ({ line }) => this.shown.push(line),
      now: () => this.#now,
      after: (ms, run) => {
        this.waits.push(ms);
        const next = { at: this.#now + ms, run };
        this.#next = next;
        return () => {
          if (this.#next === next) this.#next = undefined;
        };
      },
    });
  }

  /** Lets time pass, and runs what becomes due at its time. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next; next && next.at <= until; next = this.#next) {
      this.#now = next.at;
      this.#next = undefined;
      next.run();
    }
    this.#now = until;
  }
}

describe('live lines', () => {
  it('are shown once they are held for a moment, each at its time', () => {
    const { lines, shown, waits, pass } = clocked();
    lines.line(of('1'));
    pass(100);
    lines.line(of('2'));
    pass(49);
    assert.deepEqual(shown, []);
    pass(1);
    assert.deepEqual(shown, ['1']);
    pass(99);
    assert.deepEqual(shown, ['1']);
    pass(1);
    assert.deepEqual(shown, ['1', '2']);
    // It looks again only for lines that wait.
    assert.deepEqual(waits, [150, 100]);
    lines.line(of('3'));
    pass(150);
    assert.deepEqual(shown, ['1', '2', '3']);
    assert.deepEqual(waits, [150, 100, 150]);
  });

  it('leave the lines of a short activation to its end', () => {
    const { lines, shown, pass } = clocked();
    lines.line(of('1'));
    assert.deepEqual(lines.ended(['1', '2']), ['1', '2']);
    lines.line(of('of another'));
    lines.line(of('3'));
    assert.deepEqual(lines.ended(['3']), ['3']);
    pass(150);
    assert.deepEqual(shown, ['of another']);
  });

  it('are shown at once at the end of the server', () => {
    const { lines, shown, pass } = clocked();
    lines.line(of('1'));
    lines.flush();
    assert.deepEqual(shown, ['1']);
    pass(1000);
    assert.deepEqual(shown, ['1']);
  });

  it('are shown as often as they were written', () => {
    const { lines, shown, pass } = clocked();
    for (const line of ['same', 'same']) lines.line(of(line));
    pass(150);
    assert.deepEqual(shown, ['same', 'same']);
    assert.deepEqual(lines.ended(['same', 'same', 'same']), ['same']);
    assert.deepEqual(lines.ended(['same']), ['same']);
  });

  it('are known by their whole beginning, as they were told', () => {
    const { lines } = clocked();
    const long = 'x'.repeat(MAX_LIVE_LENGTH + 1);
    lines.line(of(long.slice(0, MAX_LIVE_LENGTH)));
    lines.line(of('a1'));
    lines.flush();
    assert.deepEqual(lines.ended([long, 'b1', 'a1']), ['b1']);
  });

  it('wait in a bounded number, of which the oldest are shown early', () => {
    const { lines, shown } = clocked();
    for (let i = 0; i < 1003; i += 1) lines.line(of(String(i)));
    assert.deepEqual(shown, ['0', '1', '2']);
    lines.flush();
    assert.equal(shown.length, 1003);
  });

  it('are remembered up to 4 MB in all, the newest', () => {
    const { lines } = clocked();
    const line = (i: number): string => String(i).padEnd(2048, 'x');
    // The second round has as much room as the first: what has ended is forgotten.
    for (const round of [0, 10_000]) {
      const all = Array.from({ length: 2048 }, (_, i) => line(round + i));
      for (const each of all) lines.line(of(each));
      lines.flush();
      assert.deepEqual(lines.ended(all), []);
    }
    const more = Array.from({ length: 2049 }, (_, i) => line(20_000 + i));
    for (const each of more) lines.line(of(each));
    lines.flush();
    assert.deepEqual(lines.ended(more), more.slice(0, 1));
  });

  it('are shown with real timers, too, which do not keep the process alive', async () => {
    const alive = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => {
      new LiveLines({ show: () => resolve(), holdMs: 1 }).line(of('1'));
    });
    clearInterval(alive);
  });
});

function clocked() {
  const clock = new Clocked();
  const { lines, shown, waits } = clock;
  return { lines, shown, waits, pass: (ms: number) => clock.pass(ms) };
}
