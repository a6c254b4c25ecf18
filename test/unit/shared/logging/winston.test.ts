import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { createLogger } from '../../../../shared/logging/winston.js';

async function written(
  format: 'text' | 'json',
  level: 'debug' | 'info',
  act: (log: ReturnType<typeof createLogger>) => void,
) {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const log = createLogger({ level, format, stream });
  act(log);
  await log.end();
  return Buffer.concat(chunks).toString().trimEnd().split('\n');
}

describe('logging', () => {
  it('writes level, transaction id, component, message and fields in a line', async () => {
    const lines = await written('text', 'info', (log) =>
      log.component('pool').warn('queue is full', { transid: { id: 'abc', start: 1 }, waiting: 3 }),
    );
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^\[\d{4}-.*Z\] \[WARN\] \[#tid_abc\] \[pool\] queue is full waiting=3$/);
  });

  it('writes one line for a message, whatever the message contains', async () => {
    const lines = await written('text', 'info', (log) => log.info('one\ntwo\r\nforged'));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /one\\ntwo\\r\\nforged$/);
  });

  it('writes JSON with the same parts', async () => {
    const [line] = await written('json', 'info', (log) =>
      log.error('failed', {
        transid: { id: 'abc', start: 1 },
        error: new Error('why', { cause: new Error('deeper') }),
      }),
    );
    const parsed = JSON.parse(line ?? '') as Record<string, unknown>;
    assert.equal(parsed['level'], 'error');
    assert.equal(parsed['transid'], 'abc');
    assert.equal(parsed['message'], 'failed');
    assert.equal(parsed['error'], 'Error: why (cause: Error: deeper)');
  });

  it('leaves debug lines out unless they are asked for', async () => {
    const quiet = await written('text', 'info', (log) => {
      assert.equal(log.debugEnabled, false);
      log.debug('hidden');
      log.info('shown');
    });
    assert.equal(quiet.length, 1);
    const chatty = await written('text', 'debug', (log) => {
      assert.equal(log.component('x').debugEnabled, true);
      log.debug('shown');
    });
    assert.match(chatty[0] ?? '', /\[DEBUG\].*shown$/);
  });
});
