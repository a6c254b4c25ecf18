import assert from 'node:assert/strict';
import { SENTINEL, signedSentinel } from '../../../../../invoker/containers/logs/LogBuffer.js';
import { formatTime } from '../../../../../invoker/containers/logs/LogClock.js';
import { LogCollector } from '../../../../../invoker/containers/logs/LogCollector.js';

const EXPECTING = { maxBytes: 10_000, expectSentinels: true, timeoutMs: 60_000 };
const END = Buffer.from(`${SENTINEL}\n`);

function text(lines: readonly string[]): string[] {
  return lines.map((line) => line.slice(31));
}

describe('log collector', () => {
  describe('of a runtime that signs its sentinels', () => {
    const signed = Buffer.from(`${signedSentinel('token')}\n`);
    function endRun(collector: LogCollector): void {
      collector.write('stdout', signed);
      collector.write('stderr', signed);
    }

    it('takes a sentinel that the action printed for a line of its own', async () => {
      const collector = new LogCollector({ token: 'token' });
      collector.write('stdout', Buffer.from(`init\n${SENTINEL}\n`));
      collector.requireSigned();
      for (const run of [1, 2]) {
        collector.begin();
        collector.write('stdout', Buffer.from(`${run}\n${SENTINEL}\n${SENTINEL} tokem\n`));
        endRun(collector);
        const { lines, leftover } = await collector.collect(EXPECTING);
        const own = [`stdout: ${run}`, `stdout: ${SENTINEL}`, `stdout: ${SENTINEL} tokem`];
        assert.deepEqual(text(lines), run === 1 ? ['stdout: init', ...own] : own);
        assert.equal(leftover, 0);
      }
    });

    it('drops lines of an earlier activation if its logs are read while the next one runs', async () => {
      const collector = new LogCollector({ token: 'token' });
      collector.requireSigned();
      collector.begin();
      collector.write('stdout', Buffer.from('1\n'));
      collector.write('stdout', signed);
      collector.write('stdout', Buffer.from('between\n'));
      const first = collector.collect(EXPECTING);
      collector.begin();
      collector.write('stdout', Buffer.from('2\n'));
      collector.write('stderr', signed);
      assert.deepEqual(text((await first).lines), ['stdout: 1']);
      endRun(collector);
      const second = await collector.collect(EXPECTING);
      assert.deepEqual(text(second.lines), ['stdout: 2']);
      assert.equal(second.leftover, 1);
    });

    it('keeps the uncollected logs of an activation when the next one starts', async () => {
      const collector = new LogCollector({ token: 'token' });
      collector.requireSigned();
      collector.begin();
      collector.write('stdout', Buffer.from('1\n'));
      endRun(collector);
      collector.begin();
      assert.deepEqual(text((await collector.collect(EXPECTING)).lines), ['stdout: 1']);
      collector.write('stdout', Buffer.from('2\n'));
      endRun(collector);
      assert.deepEqual(text((await collector.collect(EXPECTING)).lines), ['stdout: 2']);
    });
  });

  describe('with runs that end without sentinels', () => {
    const signed = Buffer.from(`${signedSentinel('token')}\n`);
    function fixture(overlapping = false): {
      collector: LogCollector;
      begin: (told?: string[]) => (silent: boolean) => Promise<unknown>;
      print: (line: string) => void;
      mark: () => void;
      take: () => Promise<string[]>;
    } {
      const collector = new LogCollector({ token: 'token', overlapping });
      collector.requireSigned();
      return {
        collector,
        begin: (told) => {
          let answer: (silent: boolean) => void = () => {};
          const answered = new Promise<boolean>((resolve) => (answer = resolve));
          const listener = told && ((line: string, sure: boolean): unknown => told.push(sure ? line.slice(31) : '?'));
          const ended = collector.during('/run', listener, async () => {
            const silent = await answered;
            return { status: 200, body: '{}', ...(silent ? { silent } : {}) };
          });
          return (silent) => {
            answer(silent);
            return ended;
          };
        },
        print: (line) => collector.write('stdout', Buffer.from(`${line}\n`)),
        mark: () => {
          collector.write('stdout', signed);
          collector.write('stderr', signed);
        },
        take: async () => text((await collector.collect(EXPECTING)).lines),
      };
    }

    for (const overlapping of [false, true]) {
      it(`gives the others their own lines${overlapping ? ', if runs may overlap' : ''}`, async () => {
        const { begin, print, mark, take } = fixture(overlapping);
        for (let i = 0; i < 20; i++) {
          const end = begin();
          if (i % 3 === 0) {
            print(`line ${i}`);
            mark();
          }
          await end(i % 3 !== 0);
          if (i % 3 === 0) assert.deepEqual(await take(), [`stdout: line ${i}`]);
        }
      });
    }

    it('does so where the lines of an earlier run come after a silent one', async () => {
      const { collector, begin, print, mark } = fixture();
      await begin()(false);
      const first = collector.collect(EXPECTING);
      await begin()(true);
      await begin()(true);
      const end = begin();
      print('one');
      mark();
      assert.deepEqual(text((await first).lines), ['stdout: one']);
      print('four');
      mark();
      await end(false);
      const last = await collector.collect(EXPECTING);
      assert.deepEqual([text(last.lines), last.leftover], [['stdout: four'], 0]);
    });

    it('drops lines that came after a silent run, before the next one', async () => {
      const { collector, begin, print, mark } = fixture();
      await begin()(true);
      print('late');
      const end = begin();
      print('own');
      mark();
      await end(false);
      const { lines, leftover } = await collector.collect(EXPECTING);
      assert.deepEqual([text(lines), leftover], [['stdout: own'], 1]);
    });

    for (const overlapping of [false, true]) {
      it(`tells lines to the run that wrote them${overlapping ? ', if runs may overlap' : ''}`, async () => {
        const { begin, print, mark, take } = fixture(overlapping);
        const told: string[][] = [[], [], []];
        // The sentinels of the first run come late.
        await begin(told[0])(false);
        await begin(told[1])(true);
        const end = begin(told[2]);
        if (!overlapping) print('one');
        mark();
        print('three');
        mark();
        await end(false);
        assert.deepEqual(told, [overlapping ? [] : ['stdout: one'], [], ['stdout: three']]);
        await take();
        await take();
      });
    }
  });

  it('drops the lines that an earlier activation left over, however many sentinels it printed', async () => {
    const collector = new LogCollector();
    collector.write('stdout', Buffer.from('init\n'));
    collector.begin();
    collector.write('stdout', Buffer.from(`1\n${SENTINEL}\nforged\n${SENTINEL}\n${SENTINEL}\nlast without end`));
    collector.write('stderr', END);
    assert.deepEqual(text((await collector.collect(EXPECTING)).lines), ['stdout: init', 'stdout: 1']);
    for (const run of [2, 3]) {
      collector.begin();
      collector.write('stdout', Buffer.from(`${run}\n${SENTINEL}\n`));
      collector.write('stderr', END);
      const { lines, leftover } = await collector.collect(EXPECTING);
      assert.deepEqual(text(lines), [`stdout: ${run}`]);
      assert.equal(leftover, run === 2 ? 2 : 0);
    }
  });

  it('waits for both sentinels', async () => {
    const collector = new LogCollector();
    const collected = collector.collect(EXPECTING);
    collector.write('stdout', Buffer.from('a\n'));
    collector.write('stdout', END);
    collector.write('stderr', END);
    const { lines, complete } = await collected;
    assert.deepEqual(text(lines), ['stdout: a']);
    assert.equal(complete, true);
  });

  it('gives each of several waiting ones its own part, in order', async () => {
    const collector = new LogCollector();
    const both = Promise.all([collector.collect(EXPECTING), collector.collect(EXPECTING)]);
    for (const n of [1, 2]) {
      collector.write('stdout', Buffer.from(`${n}\n${SENTINEL}\n`));
      collector.write('stderr', END);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(
      (await both).map(({ lines }) => text(lines)),
      [['stdout: 1'], ['stdout: 2']],
    );
  });

  it('ends the wait when the container has ended, and says that lines may be missing', async () => {
    const collector = new LogCollector();
    const collected = collector.collect(EXPECTING);
    collector.write('stderr', Buffer.from('dying\n'));
    collector.end();
    const { lines, complete } = await collected;
    assert.equal(complete, false);
    assert.deepEqual(text(lines), [
      'stderr: dying',
      'stderr: There was an issue while collecting your logs. Data might be missing.',
    ]);
  });

  it('does not wait for the time limit if no sentinels are expected', async () => {
    const collector = new LogCollector();
    collector.write('stdout', Buffer.from('a\n'));
    setTimeout(() => collector.write('stdout', Buffer.from('b\n')), 5);
    const { lines, complete } = await collector.collect({ ...EXPECTING, timeoutMs: 3_600_000, expectSentinels: false });
    assert.deepEqual(text(lines), ['stdout: a', 'stdout: b']);
    assert.equal(complete, true);
  });

  it('ends the logs of a failed initialization at its signed sentinels, which come before the confirmation', async () => {
    const collector = new LogCollector({ token: 'token' });
    const sentinel = `${signedSentinel('token')}\n`;
    collector.write('stderr', Buffer.from(`a\n${SENTINEL}\nb\n${sentinel}rest\n`));
    collector.write('stdout', Buffer.from(sentinel));
    collector.requireSigned();
    const { lines, complete } = await collector.collect(EXPECTING);
    assert.equal(complete, true);
    assert.deepEqual(text(lines), ['stderr: a', 'stderr: b']);
  });

  it('waits for the silence that is asked for, or for the sentinels, if they come nevertheless', async () => {
    const collector = new LogCollector();
    const options = { ...EXPECTING, timeoutMs: 3_600_000, expectSentinels: false, quietMs: 3_000_000 };
    const collected = collector.collect(options);
    setTimeout(() => {
      collector.write('stderr', Buffer.from(`SyntaxError\n${SENTINEL}\n`));
      collector.write('stdout', Buffer.from(`${SENTINEL}\n`));
    }, 60);
    assert.deepEqual(text((await collected).lines), ['stderr: SyntaxError']);
  });

  it('writes times with nine digits of a second', () => {
    const ms = Date.UTC(2026, 10, 21, 3, 8, 37, 177);
    assert.equal(formatTime(ms), '2026-11-21T03:08:37.177000000Z');
    assert.equal(formatTime(ms + 0.25), '2026-11-21T03:08:37.177250000Z');
  });

  describe('with listeners', () => {
    const answer = { status: 200, body: '{}' };
    const signed = Buffer.from(`${signedSentinel('token')}\n`);

    /** Begins a request, and returns its lines and the function that ends it. */
    function begun(collector: LogCollector, path: '/init' | '/run' = '/run') {
      const told: string[] = [];
      let end = (): void => {};
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      const sent = collector.during(
        path,
        (line, sure) => told.push(`${line.slice(31)}${sure ? '' : ' (unsure)'}`),
        async () => {
          await ended;
          return path === '/init' ? { ...answer, tokenAccepted: true } : answer;
        },
      );
      const finish = async (): Promise<void> => {
        end();
        await sent;
      };
      return { told, finish };
    }
    const write = (collector: LogCollector, text: string): void => collector.write('stdout', Buffer.from(text));

    it('tells complete lines as they arrive, and no sentinels', async () => {
      const collector = new LogCollector({ token: 'token' });
      const init = begun(collector, '/init');
      write(collector, 'loaded\nhal');
      assert.deepEqual(init.told, ['stdout: loaded']);
      await init.finish();
      const run = begun(collector);
      write(collector, 'f\n');
      assert.deepEqual(run.told, ['stdout: half']);
      write(collector, `last ${signedSentinel('token')}\nbetween\n`);
      assert.deepEqual(run.told, ['stdout: half', 'stdout: last ']);
      assert.deepEqual(init.told, ['stdout: loaded']);
    });

    it('tells late lines to the run that wrote them, although the next one has begun', async () => {
      const collector = new LogCollector({ token: 'token' });
      collector.requireSigned();
      const first = begun(collector);
      await first.finish();
      const second = begun(collector);
      write(collector, 'late\n');
      collector.write('stdout', signed);
      write(collector, 'two\n');
      collector.write('stderr', Buffer.from('late, too\n'));
      assert.deepEqual(first.told, ['stdout: late', 'stderr: late, too']);
      assert.deepEqual(second.told, ['stdout: two']);
    });

    it('forgets the listener of a run whose logs were collected without a sentinel', async () => {
      const collector = new LogCollector();
      const first = begun(collector);
      await first.finish();
      await collector.collect({ ...EXPECTING, expectSentinels: false, timeoutMs: 0 });
      const second = begun(collector);
      write(collector, 'two\n');
      assert.deepEqual([first.told, second.told], [[], ['stdout: two']]);
    });

    it('says that a line may be of another run, if several run at once', async () => {
      const collector = new LogCollector({ token: 'token', overlapping: true });
      collector.requireSigned();
      const first = begun(collector);
      write(collector, 'alone\n');
      const second = begun(collector);
      write(collector, 'both\n');
      await first.finish();
      // The sentinel of the first has not come: the line may be its.
      write(collector, 'late?\n');
      collector.write('stdout', signed);
      write(collector, 'two\n');
      await second.finish();
      write(collector, 'nobody\n');
      assert.deepEqual(first.told, ['stdout: alone', 'stdout: both (unsure)']);
      assert.deepEqual(second.told, ['stdout: late? (unsure)', 'stdout: two']);
    });

    for (const stream of ['stdout', 'stderr'] as const) {
      it(`counts the expected sentinels if several run at once: ${stream}`, async () => {
        const collector = new LogCollector({ token: 'token', overlapping: true });
        const init = begun(collector, '/init');
        collector.write(stream, Buffer.from('loaded\n'));
        await init.finish();
        const line = (): void => collector.write(stream, Buffer.from('line\n'));
        const [first, second, third] = [begun(collector), begun(collector), begun(collector)];
        await second.finish();
        await third.finish();
        line();
        collector.write(stream, signed);
        line();
        collector.write(stream, signed);
        line();
        // Sentinels that an action forges count for no other run.
        collector.write(stream, signed);
        collector.write(stream, signed);
        line();
        await first.finish();
        const fourth = begun(collector);
        line();
        const fifth = begun(collector);
        await fourth.finish();
        line();
        const sure = `${stream}: line`;
        assert.deepEqual(init.told, [`${stream}: loaded`]);
        assert.deepEqual(first.told, [`${sure} (unsure)`, `${sure} (unsure)`, sure, sure]);
        assert.deepEqual(fourth.told, [sure]);
        assert.deepEqual(fifth.told, [`${sure} (unsure)`]);
      });
    }

    it('has no listener any more after a failed request', async () => {
      const collector = new LogCollector({ overlapping: true });
      const told: string[] = [];
      const failed = collector.during(
        '/run',
        (line) => told.push(line),
        () => Promise.reject(new Error('broken')),
      );
      await assert.rejects(failed, /broken/);
      write(collector, 'after\n');
      assert.deepEqual(told, []);
    });
  });
});
