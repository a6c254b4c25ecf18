import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LogBuffer, NOTICES, SENTINEL, type StreamName } from '../../../../../invoker/containers/logs/LogBuffer.js';

const TIME = '2026-11-21T03:08:37.177253561Z';
const MB = 1024 * 1024;
const time = (): string => TIME;

function write(buffer: LogBuffer, stream: StreamName, text: string): void {
  buffer.write(stream, Buffer.from(text), time);
}

function end(buffer: LogBuffer): void {
  write(buffer, 'stdout', `${SENTINEL}\n`);
  write(buffer, 'stderr', `${SENTINEL}\n`);
}

describe('log buffer', () => {
  it('is complete when both streams ended', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', `a\n${SENTINEL}\n`);
    assert.equal(buffer.complete, false);
    write(buffer, 'stderr', `b\n${SENTINEL}\n`);
    assert.equal(buffer.complete, true);
    assert.deepEqual(buffer.take(MB, time, false), {
      lines: [`${TIME} stdout: a`, `${TIME} stderr: b`],
      truncated: false,
    });
    assert.equal(buffer.complete, false);
  });

  it('keeps lines after a sentinel for the next activation', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', `one\n${SENTINEL}\ntwo\n${SENTINEL}\n`);
    write(buffer, 'stderr', `${SENTINEL}\n${SENTINEL}\n`);
    assert.deepEqual(buffer.take(MB, time, false).lines, [`${TIME} stdout: one`]);
    assert.deepEqual(buffer.take(MB, time, false).lines, [`${TIME} stdout: two`]);
  });

  it('keeps text that stands before a sentinel on its line', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', 'no end');
    end(buffer);
    assert.deepEqual(buffer.take(MB, time, false).lines, [`${TIME} stdout: no end`]);
  });

  it('takes the available lines without sentinels, also unfinished ones', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', 'a\r\nb');
    assert.deepEqual(buffer.take(MB, time, false).lines, [`${TIME} stdout: a`, `${TIME} stdout: b`]);
    assert.deepEqual(buffer.take(MB, time, false).lines, []);
  });

  it('does not give the next activation the late lines of this one', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', 'first\n');
    assert.deepEqual(buffer.take(MB, time, true).lines, [`${TIME} stdout: first`]);
    write(buffer, 'stdout', 'late\n');
    end(buffer);
    assert.equal(buffer.complete, false);
    write(buffer, 'stdout', 'second\n');
    end(buffer);
    assert.deepEqual(buffer.take(MB, time, false).lines, [`${TIME} stdout: second`]);
  });

  it('finds the sentinel behind a line without an end, wherever the chunks are cut', () => {
    const long = 'x'.repeat(1024 * 1024 - 20);
    for (const size of [20, 40, 1024 * 1024 + 5, 3 * 1024 * 1024]) {
      const buffer = new LogBuffer(8 * 1024 * 1024);
      const bytes = Buffer.from(`${long}${long}${SENTINEL}\n`);
      const step = size < 100 ? bytes.length - size : size;
      for (let at = 0; at < bytes.length; at += step) buffer.write('stdout', bytes.subarray(at, at + step), () => 'T');
      buffer.write('stderr', Buffer.from(`${SENTINEL}\n`), () => 'T');
      assert.ok(buffer.complete, `cut after ${step}`);
      const { lines } = buffer.take(8 * 1024 * 1024, () => 'T', false);
      assert.equal(lines.map((line) => line.slice(line.indexOf(': ') + 2)).join(''), long + long);
    }
  });

  it('says which lines it dropped for the limit', () => {
    const buffer = new LogBuffer(MB);
    write(buffer, 'stdout', `${'x'.repeat(10)}\n`.repeat(5));
    end(buffer);
    const line = `${TIME} stdout: ${'x'.repeat(10)}`;
    const limit = 2 * (line.length + 1) + 5;
    assert.deepEqual(buffer.take(limit, time, false), {
      lines: [line, line, NOTICES.truncated(TIME, limit)],
      truncated: true,
    });
  });

  it('holds no more than it may, and forgets nothing of the next activation for it', () => {
    const buffer = new LogBuffer(1000);
    for (let i = 0; i < 1000; i += 1) write(buffer, 'stdout', 'y'.repeat(99) + '\n');
    end(buffer);
    const { lines, truncated } = buffer.take(MB, time, false);
    assert.equal(truncated, true);
    assert.ok(lines.length <= 10);
    write(buffer, 'stdout', 'next\n');
    end(buffer);
    assert.deepEqual(buffer.take(MB, time, false), { lines: [`${TIME} stdout: next`], truncated: false });
  });

  it('stays within its bound over several uncollected sentinels', () => {
    const buffer = new LogBuffer(1000);
    for (let i = 0; i < 100; i += 1) write(buffer, 'stdout', `${'y'.repeat(60)}\n${SENTINEL}\n`);
    let lines = 0;
    for (let i = 0; i < 100; i += 1) {
      write(buffer, 'stderr', `${SENTINEL}\n`);
      lines += buffer.take(MB, time, false).lines.filter((line) => line.endsWith('y')).length;
    }
    assert.equal(lines, 10);
    write(buffer, 'stdout', 'next\n');
    end(buffer);
    assert.deepEqual(buffer.take(MB, time, false), { lines: [`${TIME} stdout: next`], truncated: false });
  });

  it('gives the same lines however the bytes are cut into chunks', () => {
    const line = fc.stringMatching(/^[a-zé☃ ]{0,12}$/u);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom<StreamName>('stdout', 'stderr'), line), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        (written, size) => {
          const buffer = new LogBuffer(MB);
          const streams: Record<StreamName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
          for (const [stream, text] of written)
            streams[stream] = Buffer.concat([streams[stream], Buffer.from(`${text}\n`)]);
          for (const stream of ['stdout', 'stderr'] as const) {
            const bytes = Buffer.concat([streams[stream], Buffer.from(`${SENTINEL}\n`)]);
            for (let at = 0; at < bytes.length; at += size) buffer.write(stream, bytes.subarray(at, at + size), time);
          }
          assert.ok(buffer.complete);
          const expected = (['stdout', 'stderr'] as const).flatMap((stream) =>
            written.filter(([name]) => name === stream).map(([, text]) => `${TIME} ${stream}: ${text}`),
          );
          assert.deepEqual(buffer.take(MB, time, false).lines, expected);
        },
      ),
    );
  });
});
