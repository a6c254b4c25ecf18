import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeService } from '../../../../../invoker/runtimes/native/NativeService.js';
import type { Reply } from '../../../../../invoker/runtimes/nodejs/ActionService.js';

const NO_DICTIONARY = { status: 502, body: { error: 'The action did not return a dictionary or array.' } };

// What is particular to executables. What all runtimes must do: test/suites/runtime.ts.
describe('the runtime of any executable', () => {
  let folder: string;
  let service: NativeService;
  let said: { stdout: string; stderr: string; ends: number; ended: number };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-native-'));
    said = { stdout: '', stderr: '', ends: 0, ended: 0 };
    service = new NativeService({
      folder: join(folder, 'action'),
      environment: { PATH: process.env['PATH'] },
      stdout: (chunk) => (said.stdout += String(chunk)),
      stderr: (chunk) => (said.stderr += String(chunk)),
      endLogs: () => (said.ends += 1),
      end: () => (said.ended += 1),
    });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const init = (code: unknown, binary = false): Promise<Reply> => service.init({ value: { code, binary } });
  const run = (value: unknown = {}, rest: object = {}): Promise<Reply> => service.run({ value, ...rest });

  it('runs a stub without code, as OpenWhisk’s image does', async () => {
    const stub = { status: 200, body: { error: 'This is a stub action. Replace it with custom logic.' } };
    assert.deepEqual(await run(), stub);
    assert.deepEqual(await init(null), { status: 200, body: { OK: true } });
    assert.deepEqual(await run(), stub);
    assert.equal(said.ends, 2);
  });

  it('says that a run wrote nothing if the end of its logs says so, and ends the logs itself after a failure', async () => {
    await init('#!/bin/sh\nif [ "$1" = "{}" ]; then echo no; else echo "$1"; fi');
    for (const silent of [true, false]) {
      assert.deepEqual(await service.run({ value: { a: 1 } }, async () => silent), {
        status: 200,
        body: { a: 1 },
        ...(silent ? { silent } : {}),
      });
    }
    assert.equal(said.ends, 0);
    const failed = await service.run({ value: {} }, () => assert.fail('its logs are not empty'));
    assert.equal(failed.status, 502);
    assert.equal(said.ends, 1);
  });

  it('gives the argument as JSON, first and on stdin, and only on stdin if it is too long', async () => {
    await init('#!/bin/sh\nread -r input\necho "log"\nprintf \'["%s", %s, %s]\' "$#" "${#1}" "${#input}"');
    assert.deepEqual(await run({ a: 1 }), { status: 200, body: ['1', 7, 7] });
    const long = { a: 'a'.repeat(131_072) };
    assert.deepEqual(await run(long), { status: 200, body: ['0', 0, 131_080] });
    assert.equal(said.stdout, 'log\nlog\n');
  });

  it('takes the last line as the result whatever the status, and says the status if there is none', async () => {
    await init('#!/bin/sh\nif [ "$1" = "{}" ]; then echo \'{"ok":1}\'; fi; exit 3');
    assert.deepEqual(await run(), { status: 200, body: { ok: 1 } });
    assert.deepEqual(await run([]), NO_DICTIONARY);
    assert.match(said.stderr, /The program ended with status 3\./);
  });

  it('lets runs overlap, each with its own environment', async () => {
    await init('#!/bin/sh\nsleep 0.1; printf \'{"id":"%s"}\' "$__OW_ACTIVATION_ID"');
    const replies = await Promise.all(['a', 'b'].map((id) => run({}, { activation_id: id })));
    assert.deepEqual(
      replies.map(({ body }) => body),
      [{ id: 'a' }, { id: 'b' }],
    );
  });

  it('takes a program itself as binary code', async () => {
    await init(Buffer.from('#!/bin/sh\necho "{}"').toString('base64'), true);
    assert.deepEqual(await run(), { status: 200, body: {} });
  });

  it('says why a program does not start', async () => {
    const why = async (code: string): Promise<string> => {
      service = new NativeService({
        folder: mkdtempSync(join(folder, 'a')),
        environment: {},
        stdout: () => undefined,
        stderr: (chunk) => (said.stderr += String(chunk)),
        endLogs: () => undefined,
        end: () => undefined,
      });
      said.stderr = '';
      await init(code);
      assert.deepEqual(await run(), NO_DICTIONARY);
      return said.stderr;
    };
    assert.match(await why('#!/bin/sh\r\necho'), /ends with a carriage return/);
    assert.match(await why('#!/no/such/program\n'), /its first line is '#!\/no\/such\/program', and that interpreter/);
  });

  it('does not wait for processes that a program leaves behind', async () => {
    await init('#!/bin/sh\nsleep 100 & echo "{\\"left\\": $!}"');
    const { status, body } = await run();
    assert.equal(status, 200);
    process.kill((body as { left: number }).left);
  });

  it('ends when the kernel kills its program, so that the invoker finds out why', async () => {
    await init('#!/bin/sh\nkill -9 $$');
    await run();
    assert.equal(said.ended, 1);
  });

  it('answers an argument that is not an object as OpenWhisk’s image does', async () => {
    await init('#!/bin/sh\ncat');
    assert.deepEqual(await run('A'), {
      status: 404,
      body: { error: 'The action did not receive a dictionary or array as an argument.' },
    });
  });
});
