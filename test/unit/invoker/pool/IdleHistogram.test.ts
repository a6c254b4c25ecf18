import assert from 'node:assert/strict';
import { IdleHistogram, type IdleWindows } from '../../../../invoker/pool/IdleHistogram.js';

const MINUTE = 60_000;
const WORTH = 20 * MINUTE;

function histogram(...minutes: readonly number[]): IdleHistogram {
  const made = new IdleHistogram(WORTH);
  for (const one of minutes) made.add(one * MINUTE);
  return made;
}

const times = (count: number, minutes: number): number[] => Array.from({ length: count }, () => minutes);

/** In minutes. */
function inMinutes(windows: IdleWindows | undefined): { prewarm: number; keep: number } | undefined {
  const round = (ms: number): number => Math.round((ms / MINUTE) * 100) / 100;
  return windows && { prewarm: round(windows.prewarmMs), keep: round(windows.keepMs) };
}

describe('IdleHistogram', () => {
  it('says nothing before five idle times', () => {
    const made = histogram(...times(4, 30));
    assert.equal(made.windows, undefined);
    made.add(30 * MINUTE);
    assert.notEqual(made.windows, undefined);
  });

  it('finds the window of a timer, with margins of a tenth', () => {
    assert.deepEqual(inMinutes(histogram(...times(5, 59.9)).windows), { prewarm: 53.1, keep: 66 });
    assert.deepEqual(inMinutes(histogram(...times(5, 60)).windows), { prewarm: 54, keep: 67.1 });
    assert.deepEqual(inMinutes(histogram(...times(5, 239.9)).windows), { prewarm: 234.22, keep: 244.8 });
  });

  it('has narrow margins if wide ones would cost more memory than a cold start is worth', () => {
    assert.deepEqual(inMinutes(histogram(...times(5, 150.5)).windows), { prewarm: 135, keep: 166.1 });
    assert.deepEqual(inMinutes(histogram(...times(5, 220.5)).windows), { prewarm: 215.6, keep: 225.42 });
  });

  it('keeps the container through a pause that is too short for another one', () => {
    assert.deepEqual(inMinutes(histogram(...times(5, 5)).windows), { prewarm: 0, keep: 6.6 });
    assert.deepEqual(inMinutes(histogram(...times(5, 6)).windows), { prewarm: 5.4, keep: 7.7 });
  });

  it('keeps the containers of an action that is invoked again within a minute', () => {
    assert.deepEqual(inMinutes(histogram(...times(5, 0.5)).windows), { prewarm: 0, keep: 1.1 });
    assert.deepEqual(inMinutes(histogram(-1, ...times(4, 0)).windows), { prewarm: 0, keep: 1.1 });
  });

  it('ignores a few early or late arrivals if waiting for them costs more', () => {
    const made = histogram(...times(5, 10), ...times(94, 60), 100);
    assert.deepEqual(inMinutes(made.windows), { prewarm: 54, keep: 67.1 });
    const near = histogram(...times(30, 55), ...times(70, 60));
    assert.deepEqual(inMinutes(near.windows), { prewarm: 49.5, keep: 67.1 });
  });

  it('keeps the container for bursts, and gives up the long tail between them', () => {
    const made = histogram(...times(80, 1), ...times(10, 100), ...times(10, 200));
    assert.deepEqual(inMinutes(made.windows), { prewarm: 0, keep: 2.2 });
  });

  it('keeps nothing for an action whose memory is not worth its cold starts', () => {
    // Each container would be idle for an hour or more.
    const made = histogram(1, 60, 110, 170, 230, ...times(2, 300));
    assert.deepEqual(inMinutes(made.windows), { prewarm: 0, keep: 0 });
  });

  it('keeps nothing for an action that comes after more than four hours', () => {
    const daily = histogram(...times(5, 1440));
    assert.deepEqual(inMinutes(daily.windows), { prewarm: 0, keep: 0 });
    daily.add(100 * MINUTE);
    daily.add(150 * MINUTE);
    assert.deepEqual(inMinutes(daily.windows), { prewarm: 0, keep: 0 });
  });

  it('says nothing of idle times that are spread evenly', () => {
    const even = histogram(...Array.from({ length: 240 }, (_, minute) => minute));
    assert.equal(even.windows, undefined);
  });

  it('follows a changed period, since the past counts half after a thousand idle times', () => {
    const made = histogram(...times(999, 30));
    assert.deepEqual(inMinutes(made.windows), { prewarm: 27, keep: 34.1 });
    for (let i = 0; i < 3000; i++) made.add(90 * MINUTE);
    const { prewarm, keep } = inMinutes(made.windows) ?? assert.fail();
    assert.ok(prewarm > 27, `${prewarm}`);
    assert.equal(keep, 100.1);
    for (let i = 0; i < 3000; i++) made.add(90 * MINUTE);
    assert.deepEqual(inMinutes(made.windows), { prewarm: 81, keep: 100.1 });
  });
});
