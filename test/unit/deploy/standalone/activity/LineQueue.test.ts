import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { descriptorSink, LineQueue } from '../../../../../deploy/standalone/activity/LineQueue.js';

/** A sink whose writes end when the test says so. */
class HeldSink {
  readonly texts: string[] = [];
  readonly #done: ((error: Error | null) => void)[] = [];
  readonly write = (text: string, done: (error: Error | null) => void): void => {
    this.texts.push(text);
    this.#done.push(done);
  };
  end(error: Error | null = null): void {
    this.#done.shift()?.(error);
  }
}

describe('the queue of lines', () => {
  it('writes the lines that arrive together at once, in their order', async () => {
    const sink = new HeldSink();
    const queue = new LineQueue({ sink: sink.write });
    for (const line of ['a', 'b', 'c']) queue.add(line);
    const flushed = queue.flush();
    assert.deepEqual(sink.texts, ['a\nb\nc\n']);
    sink.end();
    await flushed;
  });

  it('has one write at a time, and writes what arrived meanwhile after it', async () => {
    const sink = new HeldSink();
    const queue = new LineQueue({ sink: sink.write });
    queue.add('first');
    const flushed = queue.flush();
    queue.add('second');
    assert.deepEqual(sink.texts, ['first\n']);
    sink.end();
    assert.deepEqual(sink.texts, ['first\n', 'second\n']);
    sink.end();
    await flushed;
  });

  it('drops lines beyond its bound while the terminal is stopped, and says how many', async () => {
    const sink = new HeldSink();
    const queue = new LineQueue({ sink: sink.write, maxCharacters: 10 });
    queue.add('shown');
    const flushed = queue.flush();
    for (let i = 0; i < 100; i++) queue.add('12345');
    sink.end();
    assert.deepEqual(sink.texts.slice(1), ['12345\n12345\n98 lines dropped: the terminal is too slow\n']);
    sink.end();
    await flushed;
  });

  it('discards lines without a reader', async () => {
    const sink = new HeldSink();
    const queue = new LineQueue({ sink: sink.write });
    queue.add('a');
    const flushed = queue.flush();
    sink.end(new Error('EPIPE'));
    await flushed;
    queue.add('b');
    await queue.flush();
    assert.equal(sink.texts.length, 1);
  });

  it('writes whole texts to a descriptor', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-lines-'));
    const file = join(folder, 'out');
    const descriptor = openSync(file, 'w');
    const events = new EventTarget();
    const ended = once(events, 'done');
    const text = 'ä'.repeat(300_000);
    descriptorSink(descriptor)(text, (error) => {
      assert.equal(error, null);
      events.dispatchEvent(new Event('done'));
    });
    await ended;
    closeSync(descriptor);
    assert.equal(readFileSync(file, 'utf8'), text);
    rmSync(folder, { recursive: true });
  });
});
