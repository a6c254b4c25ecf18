import assert from 'node:assert/strict';
import type { RequestReport } from '../../../../../controller/http/requestReports.js';
import { activityLog } from '../../../../../deploy/standalone/activity/activity.js';
import { activationJson, activationLines, requestLine } from '../../../../../deploy/standalone/activity/lines.js';
import { colored, harmless, paintFor, plain } from '../../../../../deploy/standalone/activity/paint.js';
import { activationRecord, type RecordAnnotations } from '../../../../../shared/entities/activationRecord.js';
import type { ActivationResponse } from '../../../../../shared/entities/activation.js';

const AT = new Date(2026, 10, 21, 3, 8, 37, 177);
const REQUEST: RequestReport = {
  method: 'POST',
  path: '/api/v1/namespaces/_/actions/hello',
  status: 200,
  ms: 12.4,
  activationId: 'a1',
  transid: 't1',
};

const record = (response: ActivationResponse, annotations: RecordAnnotations, logs: string[] = []) =>
  activationRecord({
    activationId: 'a1',
    user: { subject: 'guest', namespace: { name: 'guest' } },
    name: 'hello',
    start: 1000,
    end: 1003,
    response,
    logs,
    annotations: { path: 'guest/hello', ...annotations },
  });

describe('the lines of requests and activations', () => {
  it('tell of a request its time, method, path, status, duration and activation', () => {
    assert.equal(
      requestLine(REQUEST, AT, plain),
      '03:08:37.177 POST   /api/v1/namespaces/_/actions/hello 200 12 ms a1',
    );
  });

  it('tell that a connection closed before its response', () => {
    assert.match(requestLine({ ...REQUEST, status: undefined }, AT, plain), / closed /);
  });

  it('tell of an activation its action, status, duration, color and home, and its log', () => {
    const color = { value: '7', invoker: 'invoker0', hit: true, served: true };
    const logs = ['2026-11-21T03:08:37.177253561Z stdout: hi', '2026-11-21T03:08:37.177253561Z stderr: oh'];
    assert.deepEqual(activationLines(record({ statusCode: 0, result: {} }, { color, initTime: 41 }, logs), AT, plain), [
      '03:08:37.177 ran    guest/hello success 3 ms, cold start 41 ms, color 7 at invoker0 (home, hit) a1',
      '    stdout: hi',
      '    stderr: oh',
    ]);
  });

  it('tell why an activation failed, and nothing else of its result', () => {
    const [, reason, ...more] = activationLines(
      record({ statusCode: 1, result: { error: 'no such post', secret: 's3cret' } }, {}),
      AT,
      plain,
    );
    assert.equal(reason, '    error: no such post');
    assert.deepEqual(more, []);
    const success = activationLines(record({ statusCode: 0, result: { error: 's3cret' } }, {}), AT, plain);
    assert.ok(!success.join('\n').includes('s3cret'));
    assert.ok(!activationJson(record({ statusCode: 0, result: { a: 's3cret' } }, {}), AT).includes('s3cret'));
  });

  it('show a bounded part of a long log, and say how to see the rest', () => {
    const lines = activationLines(
      record({ statusCode: 0 }, {}, Array(1000).fill('t stdout: x') as string[]),
      AT,
      plain,
    );
    assert.equal(lines.length, 202);
    assert.equal(lines.at(-1), '    … and 800 more lines: activation logs a1');
  });

  it('tell lines of an activation that still runs, and at its end the others', async () => {
    const texts: string[] = [];
    let shown = (): void => {};
    const first = new Promise<void>((resolve) => {
      shown = resolve;
    });
    const sink = (text: string, done: (error: Error | null) => void): void => {
      texts.push(text);
      done(null);
      shown();
    };
    const activity = activityLog({ sink, format: 'text', paint: plain, now: () => AT });
    const line = (text: string, sure = true): void =>
      activity.line?.({ activationId: 'a1', path: 'guest/hello', line: `T stdout: ${text}`, sure });
    line('step 1');
    line('\u001b[2Jstep 2', false);
    await first;
    line('step 3');
    const logs = ['T stdout: step 1', 'T stdout: \u001b[2Jstep 2', 'T stdout: step 3', 'T stderr: notice'];
    activity.activation?.(record({ statusCode: 0 }, {}, logs));
    await activity.flush();
    assert.deepEqual(texts.join('').trimEnd().split('\n'), [
      '03:08:37.177 log    guest/hello a1 stdout: step 1',
      '03:08:37.177 log    guest/hello a1 or another that runs in its container stdout:  [2Jstep 2',
      '03:08:37.177 ran    guest/hello success 3 ms a1',
      '    stdout: step 3',
      '    stderr: notice',
    ]);
  });

  it('are not told twice as JSON', () => {
    const activity = activityLog({ sink: () => {}, format: 'json', paint: plain, now: () => AT });
    assert.equal(activity.line, undefined);
  });

  it('pass no control sequence of an action on to the terminal', () => {
    const [, line = ''] = activationLines(
      record({ statusCode: 0 }, {}, ['t stdout: \u001b]0;title\u0007 \u001b[31mred\u001b[0m \u009b2J\r']),
      AT,
      plain,
    );
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    assert.doesNotMatch(line, /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
    assert.match(line, /red/);
    assert.equal(harmless('abc', 2), 'ab…');
  });

  it('are colored in a terminal only, and not with NO_COLOR', () => {
    const terminal = { isTTY: true, getColorDepth: (env?: object) => (env && 'NO_COLOR' in env ? 1 : 8) };
    assert.equal(paintFor(terminal, {}), colored);
    assert.equal(paintFor(terminal, { NO_COLOR: '1' }), plain);
    assert.equal(paintFor({ isTTY: false }, {}), plain);
    assert.equal(colored('red', 'x'), '\u001b[31mx\u001b[39m');
  });

  it('leave out probes, and are JSON if the log is', async () => {
    const texts: string[] = [];
    const sink = (text: string, done: (error: Error | null) => void): void => {
      texts.push(text);
      done(null);
    };
    const activity = activityLog({ sink, format: 'json', paint: plain, now: () => AT });
    activity.request?.({ ...REQUEST, method: 'GET', path: '/ping' });
    activity.request?.(REQUEST);
    activity.activation?.(record({ statusCode: 2, result: { error: 'bad' } }, {}, ['t stdout: x']));
    await activity.flush();
    const events = texts
      .join('')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      events.map(({ event, activationId, status, error }) => [event, activationId, status, error]),
      [
        ['request', 'a1', 200, undefined],
        ['activation', 'a1', 'action developer error', 'bad'],
      ],
    );
  });
});
