import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describeFailure, Lifecycle } from '../../../../shared/process/Lifecycle.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

class FakeProcess extends EventEmitter {
  readonly pid = 4711;
  readonly written: string[] = [];
  readonly did: string[] = [];
  readonly stderr = { write: (text: string) => this.written.push(text) };
  readonly ended = once(this, 'end');

  exit(code: number): void {
    this.did.push(`exit ${code}`);
    this.emit('end');
  }
  kill(pid: number, signal: string): void {
    this.did.push(`kill ${pid} ${signal}`);
  }
  abort(): void {
    this.did.push('abort');
  }
}

describe('Lifecycle', () => {
  let living: FakeProcess;
  let life: Lifecycle;
  let closed: string[];
  beforeEach(() => {
    living = new FakeProcess();
    life = Lifecycle.begin('test', living);
    closed = [];
  });
  const part = (name: string): void => life.opened(name, async () => void closed.push(name));
  const open = (...names: string[]) => life.run(async () => names.forEach(part));

  it('closes all parts in reverse order at a signal, and ends with code 0', async () => {
    await open('store', 'bus', 'server');
    living.emit('SIGTERM', 'SIGTERM');
    await living.ended;
    assert.deepEqual(closed, ['server', 'bus', 'store']);
    assert.deepEqual(living.did, ['exit 0']);
    assert.equal(life.stopping.aborted, true);
  });

  it('is stopped by a signal while it starts, and closes the parts that are open by then', async () => {
    const start = life.run(async () => {
      part('store');
      await once(life.stopping, 'abort');
      throw new Error('what it waited for was interrupted');
    });
    living.emit('SIGTERM', 'SIGTERM');
    await Promise.all([start, living.ended]);
    assert.deepEqual(closed, ['store']);
    assert.deepEqual([living.did, living.written], [['exit 0'], []]);
  });

  it('gives an interrupted command the exit code that it asks for', async () => {
    const start = life.run(async () => void (await once(life.stopping, 'abort')), 130);
    living.emit('SIGINT', 'SIGINT');
    await Promise.all([start, living.ended]);
    assert.deepEqual(living.did, ['exit 130']);
  });

  it('says why a start fails before it closes the open parts, and ends with code 1', async () => {
    life.opened('store', async () => void closed.push(...living.written));
    await life.run(async () => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    });
    assert.deepEqual(closed, ['test: no room\n']);
    assert.deepEqual(living.did, ['exit 1']);
  });

  it('takes the exit code of an error that has one', async () => {
    await life.run(async () => {
      throw Object.assign(new Error('wrong option'), { exitCode: 2 });
    });
    assert.deepEqual(living.did, ['exit 2']);
  });

  it('closes the other parts if a part does not close, and ends with code 1', async () => {
    part('store');
    life.opened('bus', () => Promise.reject(new Error('stuck')));
    part('server');
    await open();
    living.emit('SIGINT', 'SIGINT');
    await living.ended;
    assert.deepEqual(closed, ['server', 'store']);
    assert.deepEqual(living.did, ['exit 1']);
  });

  it('ends with code 1 if closing takes longer than its limit', async () => {
    life.opened('stuck', () => new Promise(() => {}));
    life.stopWithin(1);
    await open();
    living.emit('SIGTERM', 'SIGTERM');
    await living.ended;
    assert.deepEqual(living.did, ['exit 1']);
  });

  it('takes a signal that comes twice at once for one', async () => {
    let finish = (): void => {};
    life.opened('requests', () => new Promise((resolve) => (finish = resolve)));
    await open();
    living.emit('SIGINT', 'SIGINT');
    living.emit('SIGINT', 'SIGINT');
    assert.deepEqual(living.did, []);
    finish();
    await living.ended;
    assert.deepEqual(living.did, ['exit 0']);
  });

  for (const origin of ['uncaughtException', 'unhandledRejection']) {
    it(`says an ${origin} in one line, makes the store safe, and ends with code 1`, async () => {
      part('server');
      life.beforeExit('store', async () => void closed.push('store'));
      await open();
      living.emit('uncaughtException', new Error('boom'), origin);
      await living.ended;
      assert.deepEqual(living.did, ['exit 1']);
      assert.deepEqual(closed, ['store']);
      assert.equal(living.written.length, 1);
      assert.match(living.written[0] ?? '', new RegExp(`^test: ${origin}: Error: boom \\| at .*[^\\n]\\n$`));
    });
  }

  it('logs an uncaught error if there is a log', async () => {
    const logged: unknown[] = [];
    life.logTo({ ...silentLogger, error: (message, fields) => void logged.push(message, fields?.error) });
    await open();
    living.emit('uncaughtException', 'a text', 'unhandledRejection');
    await living.ended;
    assert.deepEqual(logged, ['unhandledRejection: the process ends', 'a text']);
    assert.deepEqual(living.written, []);
  });

  it('kills the process if the store does not become safe: an exit would wait for the store', async () => {
    life.beforeExit('store', () => Promise.reject(new Error('disk full')));
    await open();
    living.emit('uncaughtException', new Error('boom'), 'uncaughtException');
    await living.ended;
    assert.deepEqual(living.did.slice(0, 2), ['kill 4711 SIGKILL', 'abort']);
    assert.equal(living.written.at(-1), 'test: store cannot be closed: the process kills itself\n');
  });
});

describe('describeFailure', () => {
  it('names in one line what a user can change, and shows the stack of a fault of ours', () => {
    class UsageError extends Error {
      override readonly name = 'UsageError';
    }
    assert.equal(describeFailure(new UsageError('--port takes a number')), '--port takes a number');
    const listen = { syscall: 'listen', address: '127.0.0.1', port: 80 };
    const failed = (code: string): string => describeFailure(Object.assign(new Error('x'), { ...listen, code }));
    assert.match(failed('EADDRINUSE'), /^port 80 is in use on 127\.0\.0\.1: /);
    assert.match(failed('EACCES'), /^this user may not listen on port 80/);
    assert.match(failed('EADDRNOTAVAIL'), /^this machine has no address 127\.0\.0\.1/);
    assert.match(describeFailure(new TypeError('x is undefined')), /TypeError: x is undefined\n +at /);
  });
});
