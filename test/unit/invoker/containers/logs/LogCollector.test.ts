import assert from 'node:assert/strict';
import { SENTINEL } from '../../../../../invoker/containers/logs/LogBuffer.js';
import { formatTime } from '../../../../../invoker/containers/logs/LogClock.js';
import { LogCollector } from '../../../../../invoker/containers/logs/LogCollector.js';

const EXPECTING = { maxBytes: 10_000, expectSentinels: true, timeoutMs: 2000 };
const END = Buffer.from(`${SENTINEL}\n`);

function text(lines: readonly string[]): string[] {
  return lines.map((line) => line.slice(31));
}

describe('log collector', () => {
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

  it('does not wait long where no sentinels are expected', async () => {
    const collector = new LogCollector();
    collector.write('stdout', Buffer.from('a\n'));
    setTimeout(() => collector.write('stdout', Buffer.from('b\n')), 5);
    const start = performance.now();
    const { lines, complete } = await collector.collect({ ...EXPECTING, expectSentinels: false });
    assert.ok(performance.now() - start < 1000);
    assert.deepEqual(text(lines), ['stdout: a', 'stdout: b']);
    assert.equal(complete, true);
  });

  it('writes times with nine digits of a second', () => {
    const ms = Date.UTC(2026, 10, 21, 3, 8, 37, 177);
    assert.equal(formatTime(ms), '2026-11-21T03:08:37.177000000Z');
    assert.equal(formatTime(ms + 0.25), '2026-11-21T03:08:37.177250000Z');
  });
});
