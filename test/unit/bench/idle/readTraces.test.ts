import assert from 'node:assert/strict';
import { traceEvents, type Lines, type Trace } from '../../../../controller/simulate/index.js';
import { readTraces, type TraceReading } from '../../../bench/idle/readTraces.js';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const READING: TraceReading = { share: 1, mostPerMinute: 60 };

/** A file of 2019: the counts by minute of functions, each of an application of its own. */
function day(counts: Readonly<Record<string, Readonly<Record<number, number>>>>): string[] {
  const minutes = Array.from({ length: 1440 }, (_, i) => i + 1);
  return [
    ['HashOwner', 'HashApp', 'HashFunction', 'Trigger', ...minutes].join(','),
    ...Object.entries(counts).map(([name, at]) =>
      ['owner', `app-${name}`, name, 'http', ...minutes.map((minute) => at[minute] ?? 0)].join(','),
    ),
  ];
}

/** A file of durations of 2019, in which each run of a function takes the same time. */
function durations(ms: Readonly<Record<string, number>>): string[] {
  const marks = [0, 1, 25, 50, 75, 99, 100].map((mark) => `percentile_Average_${mark}`);
  return [
    ['HashOwner', 'HashApp', 'HashFunction', 'Average', 'Count', 'Minimum', 'Maximum', ...marks].join(','),
    ...Object.entries(ms).map(([name, each]) =>
      ['owner', `app-${name}`, name, each, 1, each, each, ...marks.map(() => each)].join(','),
    ),
  ];
}

/** Lines as from a file, which can be read once. */
async function* once(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}
const summary = (trace: Trace): unknown[] =>
  [...traceEvents(trace)].map(({ t, action, color, ms }) => [Math.floor(t / MINUTE), action, color, ms]);

describe('the traces of bench:idle', () => {
  it('takes days of 2019 one after the other, with their durations', async () => {
    const files = [day({ f: { 2: 1 } }), day({ f: { 1: 1 }, g: { 1440: 2 } })];
    const expected = (f: number, g: number) => [
      [1, 'f', 'app-f', f],
      [1440, 'f', 'app-f', f],
      [2 * 1440 - 1, 'g', 'app-g', g],
      [2 * 1440 - 1, 'g', 'app-g', g],
    ];
    assert.deepEqual(summary(await readTraces(files.map(once), READING)), expected(1000, 1000));
    const one = await readTraces(files.map(once), { ...READING, durations: [once(durations({ f: 7 }))] });
    assert.deepEqual(summary(one), expected(7, 1000));
    const each = [durations({ f: 7 }), durations({ f: 7, g: 9 })].map(once);
    assert.deepEqual(summary(await readTraces(files.map(once), { ...READING, durations: each })), expected(7, 9));
  });

  it('bounds the invocations of a function in a minute', async () => {
    const trace = await readTraces([day({ f: { 1: 100_000, 2: 3 } })], { ...READING, mostPerMinute: 5 });
    assert.equal(trace.t.length, 8);
    assert.ok((trace.t.at(-1) ?? 0) < DAY);
  });

  it('takes a share of the applications, the same ones of each file', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `f${i}`);
    const file = day(Object.fromEntries(names.map((name) => [name, { 1: 1 }])));
    const reading = { ...READING, share: 0.25 };
    const taken = async (files: Lines[]): Promise<string[]> =>
      [...(await readTraces(files, reading)).actions].toSorted();
    const actions = await taken([file]);
    assert.ok(actions.length > 60 && actions.length < 140, String(actions.length));
    assert.deepEqual(await taken([file, file]), actions);
    const invocations = ['app,func,end_timestamp,duration', ...names.map((name) => `app-${name},${name},1,1`)];
    assert.deepEqual(await taken([invocations]), actions);
  });

  it('takes the trace of 2021, and recorded ones', async () => {
    const azure = ['app,func,end_timestamp,duration', 'a,f,60.5,0.5', 'b,g,0.25,0.25'];
    assert.deepEqual(summary(await readTraces([once(azure)], READING)), [
      [0, 'g', 'b', 250],
      [1, 'f', 'a', 500],
    ]);
    const recorded = ['{"t":60000,"action":"f","ms":2}'];
    assert.deepEqual(summary(await readTraces([once(recorded)], READING)), [[1, 'f', null, 2]]);
  });

  it('refuses other files, and files that do not belong together', async () => {
    const refused = async (files: Lines[], text: RegExp, more: Partial<TraceReading> = {}): Promise<void> =>
      assert.rejects(readTraces(files, { ...READING, ...more }), { name: 'TraceFilesError', message: text });
    await refused([['a,b,c']], /first line .*'a,b,c'/);
    await refused([[]], /first line/);
    await refused([], /at least one file/);
    const azure = ['app,func,end_timestamp,duration'];
    await refused([azure, azure], /only the days of 2019/);
    await refused([day({}), azure], /format of the first one/);
    await refused([day({}), day({}), day({})], /not of 2/, { durations: [durations({}), durations({})] });
  });
});
