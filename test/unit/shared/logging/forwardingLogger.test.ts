import assert from 'node:assert/strict';
import { forwardingLogger, writeForwarded, type ForwardedLine } from '../../../../shared/logging/forwardingLogger.js';
import { createLogger } from '../../../../shared/logging/winston.js';
import { Writable } from 'node:stream';

describe('a logger that passes its lines on', () => {
  it('gives them the same text as a logger of this thread', async () => {
    const written: string[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        written.push(chunk.toString());
        done();
      },
    });
    const target = createLogger({ level: 'debug', format: 'json', stream });
    const log = forwardingLogger((line) => writeForwarded(target, structuredClone(line)), true).component('invoker1');
    const fields = { transid: { id: 'abc', start: 0 }, count: 3 };
    const error = new (class OddError extends Error {
      override name = 'OddError';
    })('no');
    for (const each of [target.component('invoker1'), log]) each.error('failed', { ...fields, error });
    await target.end();
    const [direct, forwarded] = written.map((line) => ({ ...(JSON.parse(line) as object), time: '' }));
    assert.deepEqual(forwarded, direct);
    assert.deepEqual(forwarded, {
      time: '',
      level: 'error',
      component: 'invoker1',
      transid: 'abc',
      message: 'failed',
      count: 3,
      error: 'OddError: no',
    });
  });

  it('passes debug lines on only if they are wanted', () => {
    const lines: ForwardedLine[] = [];
    const log = forwardingLogger((line) => lines.push(line), false);
    log.debug('hidden');
    log.info('shown');
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['shown'],
    );
    assert.equal(log.debugEnabled, false);
  });
});
