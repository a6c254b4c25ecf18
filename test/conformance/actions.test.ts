import assert from 'node:assert/strict';
import { eventually } from '../e2e/eventually.js';
import { GUEST_KEY } from '../e2e/keys.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { RestUser } from './rest.js';
import { testServer, type TestServer } from './server.js';

/*
 * What users of OpenWhisk rely on when they run actions, on a whole server: the behaviour that Apache OpenWhisk's own
 * system tests look at (see COVERAGE.md), beyond the recorded answers.
 */

const MB = 1024 * 1024;
const valueOf = (list: Json | undefined, key: string): Json | undefined =>
  (list as { key: string; value: Json }[]).find((entry) => entry.key === key)?.value;

describe('actions on a whole server', () => {
  let server: TestServer;
  let guest: RestUser;
  before(async () => {
    server = await testServer(['--process', '--no-catalog']);
    guest = new RestUser(server.base, GUEST_KEY);
  });
  after(() => server?.stop());

  describe('code', () => {
    it('that is empty makes an action, which cannot be run', async () => {
      await guest.action('empty', '');
      const { response } = await guest.run('empty');
      assert.equal(response.status, 'action developer error');
      assert.match(response.error, /Missing main\/no code to execute\./);
    });

    it('may be replaced: the next invocation runs the new one', async () => {
      await guest.action('replaced', 'const main = () => ({ version: 1 })');
      assert.deepEqual((await guest.run('replaced')).response.result, { version: 1 });
      await guest.action('replaced', 'const main = () => ({ version: 2 })');
      assert.deepEqual((await guest.run('replaced')).response.result, { version: 2 });
      await guest.must('DELETE', 'actions/replaced');
      await guest.action('replaced', 'const main = () => ({ version: 3 })');
      assert.deepEqual((await guest.run('replaced')).response.result, { version: 3 });
    });

    it('may be megabytes long', async () => {
      const padding = `// ${'x'.repeat(200)}\n`.repeat((10 * MB) / 204);
      await guest.action('large', `${padding}const main = ({ name }) => ({ hello: name })`);
      assert.deepEqual((await guest.run('large', { name: 'there' })).response.result, { hello: 'there' });
    });

    it('may be copied with its parameters and annotations', async () => {
      const parameters = [{ key: 'p', value: { deep: [1] } }];
      const annotations = [{ key: 'a', value: 'b' }];
      const original = await guest.action('original', 'const main = (a) => a', { parameters, annotations });
      const read = await guest.must('GET', 'actions/original');
      const copy = await guest.must('PUT', 'actions/copy', {
        exec: read['exec'],
        parameters: read['parameters'],
        annotations: read['annotations'],
      });
      for (const field of ['exec', 'parameters', 'annotations']) assert.deepEqual(copy[field], original[field], field);
      assert.equal(copy['version'], '0.0.1');
      assert.deepEqual((await guest.run('copy')).response.result, { p: { deep: [1] } });
    });

    it('that exits, hangs or throws while it is loaded is told from code that does so when it runs', async () => {
      const limits = { timeout: 6000 };
      const cases: [name: string, code: string, error: RegExp][] = [
        ['exits at init', 'process.exit(1)', /^The action did not initialize and exited unexpectedly\.$/],
        ['hangs at init', 'while (true);', /exceeded its time limits of 6000 milliseconds during initialization\.$/],
        [
          'exits at run',
          'const main = () => process.exit(1)',
          /^The action did not produce a valid response and exited/,
        ],
        [
          'hangs at run',
          'const main = () => new Promise(() => {})',
          /exceeded its time limits of 6000 milliseconds\.$/,
        ],
      ];
      for (const [name, code, error] of cases) {
        await guest.action(name, code, { limits });
        const { response } = await guest.run(name);
        assert.equal(response.status, 'action developer error', name);
        assert.equal(response.success, false);
        assert.match(response.error, error);
      }
    });

    it('that throws is no success, and says what was thrown', async () => {
      await guest.action('throws', 'function main() { throw "uncaught" }');
      const { response } = await guest.run('throws');
      assert.equal(response.status, 'action developer error');
      assert.match(response.error, /uncaught/);
    });
  });

  describe('what goes in and out', () => {
    it('is any text, in parameters, results and logs', async () => {
      const text = '«ταБЬℓσö» 🙂 & < > " \\ \u2028';
      await guest.action('unicode ☃'.replace('☃', 'x'), 'const main = (a) => { console.log(a.text); return a }', {
        parameters: [{ key: 'bound', value: text }],
      });
      const { response, logs } = await guest.run('unicode x', { text });
      assert.deepEqual(response.result, { text, bound: text });
      assert.ok(logs.join('\n').includes('«ταБЬℓσö» 🙂 & < > " \\'));
    });

    it('may nest, and hold every kind of value', async () => {
      const payload = {
        n: -1.5e-7,
        big: 9007199254740991,
        t: true,
        z: null,
        l: [[], {}, ['x']],
        o: { '': { ' ': 0 } },
      };
      await guest.action('echo', 'const main = (a) => a');
      assert.deepEqual((await guest.run('echo', payload)).response.result, payload);
    });

    it('may be close to a megabyte', async () => {
      const payload = { text: 'a'.repeat(MB - 50_000) };
      await guest.action('echo', 'const main = (a) => a');
      const { response } = await guest.run('echo', payload);
      assert.equal(response.success, true);
      assert.equal((response.result['text'] as string).length, payload.text.length);
    });

    it('is cut off if a result is over the limit, blocking or not', async () => {
      await guest.action('toomuch', 'const main = ({ size }) => ({ text: "a".repeat(size) })');
      const size = MB + 1000;
      const expected =
        /^The action produced a response that exceeded the allowed length: \d+ > 1048576 bytes\. The truncated/;
      const { activationId } = await guest.must('POST', 'actions/toomuch', { size });
      for (const record of [await guest.run('toomuch', { size }), await guest.record(activationId as string)]) {
        assert.equal(record.response.status, 'application error');
        const message = record.response.error;
        assert.match(message, expected);
        assert.ok(message.endsWith('a'));
      }
    });

    it('may be nothing, an empty object, or an array', async () => {
      await guest.action(
        'returns',
        'const main = ({ what }) => ({ nothing: undefined, object: {}, array: ["a", 1] })[what]',
      );
      assert.deepEqual((await guest.run('returns', { what: 'nothing' })).response.result, {});
      assert.deepEqual((await guest.run('returns', { what: 'object' })).response.result, {});
      assert.deepEqual((await guest.run('returns', { what: 'array' })).response.result, ['a', 1]);
    });

    it('may come later, from a promise', async () => {
      await guest.action(
        'later',
        'const main = () => new Promise((done) => setTimeout(() => done({ done: true }), 100))',
      );
      const { response, logs } = await guest.run('later');
      assert.deepEqual([response.status, response.result], ['success', { done: true }]);
      assert.deepEqual(logs, []);
    });

    it('are parameters bound at creation, and those given later', async () => {
      await guest.action('bound', 'const main = (a) => a', {
        parameters: [
          { key: 'a', value: 1 },
          { key: 'b', value: 2 },
        ],
      });
      assert.deepEqual((await guest.run('bound', { b: 3, c: 4 })).response.result, { a: 1, b: 3, c: 4 });
    });
  });

  describe('the context', () => {
    const CONTEXT = `const main = () => ({
      host: process.env.__OW_API_HOST, key: process.env.__OW_API_KEY, namespace: process.env.__OW_NAMESPACE,
      name: process.env.__OW_ACTION_NAME, version: process.env.__OW_ACTION_VERSION,
      id: process.env.__OW_ACTIVATION_ID, deadline: Number(process.env.__OW_DEADLINE) })`;

    it('tells an action who it is and how long it has, and gives it no key unasked', async () => {
      await guest.action('context', CONTEXT, { limits: { timeout: 50_000 } });
      const begin = Date.now();
      const { activationId, response } = await guest.run('context');
      const { host, key, deadline, ...rest } = response.result;
      assert.ok(typeof host === 'string' && host.startsWith('http'));
      assert.equal(key, undefined);
      assert.deepEqual(rest, { namespace: 'guest', name: '/guest/context', version: '0.0.1', id: activationId });
      assert.ok(Number(deadline) >= begin + 49_000 && Number(deadline) <= Date.now() + 50_000);
    });

    it('has the key of the caller if the action is annotated so', async () => {
      await guest.action('context', CONTEXT, { annotations: [{ key: 'provide-api-key', value: true }] });
      assert.equal((await guest.run('context')).response.result['key'], GUEST_KEY);
    });

    it('lets an action use OpenWhisk: nested invocations that wait', async () => {
      await guest.action('words', 'const main = ({ text }) => ({ count: text.split(" ").length })');
      const code = `const openwhisk = require('openwhisk');
        async function main({ text }) {
          const { count } = await openwhisk().actions.invoke({ name: 'words', params: { text }, blocking: true, result: true });
          return { binary: count.toString(2), actions: (await openwhisk().actions.list()).length > 0 };
        }`;
      await guest.action('nested', code, { annotations: [{ key: 'provide-api-key', value: true }] });
      const { response } = await guest.run('nested', { text: 'a b c d e' });
      assert.deepEqual(response.result, { binary: '101', actions: true });
    });
  });

  describe('an activation', () => {
    it('that outlasted its limit leaves nothing to the next one', async () => {
      const code =
        'const main = ({ hang }) => (hang ? new Promise(() => {}) : { fresh: (global.runs = (global.runs ?? 0) + 1) })';
      await guest.action('once', code, { limits: { timeout: 5000 } });
      const first = await guest.run('once', { hang: true });
      assert.equal(first.response.success, false);
      assert.ok(first.duration >= 5000);
      await eventually(async () => assert.deepEqual((await guest.run('once')).response.result, { fresh: 1 }));
    });

    it('has a record with all of its fields, the path and the limits among its annotations', async () => {
      const limits = { timeout: 60_000, memory: 128, logs: 1 };
      await guest.action('recorded', 'const main = () => ({})', { limits });
      const record = await guest.run('recorded');
      for (const field of [
        'activationId',
        'namespace',
        'name',
        'version',
        'subject',
        'publish',
        'start',
        'end',
        'duration',
      ]) {
        assert.ok(Object.hasOwn(record, field), field);
      }
      assert.deepEqual([record.response.success, record.response.result, record.logs], [true, {}, []]);
      assert.equal(valueOf(record.annotations as unknown as Json, 'path'), 'guest/recorded');
      assert.deepEqual(valueOf(record.annotations as unknown as Json, 'limits'), { ...limits, concurrency: 1 });
    });

    it('has its lines of log, each run its own', async () => {
      await guest.action(
        'logs',
        'const main = ({ n }) => { console.log("out", n); console.error("err", n); return {} }',
      );
      for (const n of [1, 2]) {
        const { logs } = await guest.run('logs', { n });
        const lines = logs
          .map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z\s+/, ''))
          .toSorted((a, b) => (a < b ? -1 : 1));
        assert.deepEqual(lines, [`stderr: err ${n}`, `stdout: out ${n}`]);
      }
    });

    it('has so much of its logs as its limit allows, and says that there were more', async () => {
      const code =
        'const main = ({ lines }) => { for (let i = 0; i < lines; i++) console.log("123456789abcdef"); return { lines } }';
      await guest.action('chatty', code, { limits: { logs: 1 } });
      const { logs, response } = await guest.run('chatty', { lines: (1.1 * MB) / 16 });
      assert.equal(response.success, true);
      assert.match(
        logs.at(-1) ?? '',
        /Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\./,
      );
      const [one] = (await guest.run('chatty', { lines: 1 })).logs;
      assert.match(one ?? '', /stdout: 123456789abcdef$/);
    });

    it('with more logs than it can get rid of is ended, at its time limit or for the memory that they take', async () => {
      const code = 'const main = ({ much }) => { do console.log("x".repeat(1000)); while (much); return {} }';
      await guest.action('babble', code, { limits: { timeout: 2000, logs: 1 } });
      // The limit counts for the initialization, too: a busy machine may need several attempts.
      await eventually(async () => assert.equal((await guest.run('babble')).response.status, 'success'));
      const { response, logs } = await guest.run('babble', { much: true });
      assert.equal(response.status, 'action developer error');
      assert.match(
        response.error,
        /^The action exceeded its time limits of 2000 milliseconds\.$|^The action exhausted its memory and was aborted\.$/,
      );
      assert.match(logs.at(-1) ?? '', /Log data might be missing|Logs were truncated/);
    });

    it('of a name with blanks is found by it', async () => {
      await guest.action('with a space', 'const main = () => ({})');
      const { activationId } = await guest.run('with a space');
      const list = await guest.must('GET', 'activations?name=with%20a%20space');
      assert.equal((list as unknown as { activationId: string }[])[0]?.activationId, activationId);
    });

    it('of an action that takes too much memory is ended, and says so', async () => {
      const code = 'const main = () => { const all = []; while (true) all.push(Buffer.alloc(1 << 20, 1)) }';
      await guest.action('greedy', code, { limits: { memory: 128, timeout: 30_000 } });
      const { response } = await guest.run('greedy');
      assert.equal(response.status, 'action developer error');
      assert.equal(response.error, 'The action exhausted its memory and was aborted.');
    });

    it('may use nearly all of its memory, again and again', async () => {
      const code = 'const main = () => { const all = Buffer.alloc(60 << 20, 1); return { length: all.length } }';
      await guest.action('modest', code, { limits: { memory: 256 } });
      for (let i = 0; i < 5; i++) {
        assert.deepEqual((await guest.run('modest')).response.result, { length: 60 << 20 });
      }
    });
  });

  describe('updates', () => {
    it('of annotations keep those that are not mentioned, and remove those that are to go', async () => {
      const annotations = (...keys: string[]): JsonObject[] => keys.map((key) => ({ key, value: `${key}!` }));
      await guest.action('annotated', 'const main = () => ({})', { annotations: annotations('one', 'two') });
      const more = await guest.must('PUT', 'actions/annotated?overwrite=true', { annotations: annotations('three') });
      for (const key of ['one', 'two', 'three']) assert.equal(valueOf(more['annotations'], key), `${key}!`);
      const fewer = await guest.must('PUT', 'actions/annotated?overwrite=true', { delAnnotations: ['one', 'nosuch'] });
      assert.equal(valueOf(fewer['annotations'], 'one'), undefined);
      assert.equal(valueOf(fewer['annotations'], 'two'), 'two!');
    });

    it('of the kind keep the parameters', async () => {
      const parameters = [{ key: 'name', value: 'kept' }];
      await guest.action('kinds', 'const main = (a) => a', { parameters });
      const exec = { kind: 'blackbox', image: 'example/image' };
      const changed = await guest.must('PUT', 'actions/kinds?overwrite=true', { exec });
      assert.deepEqual(changed['parameters'], parameters);
      assert.equal(valueOf(changed['annotations'], 'exec'), 'blackbox');
    });

    it('as wsk makes a web action: web, raw, and not any more', async () => {
      const web = (...values: [key: string, value: Json][]): JsonObject => ({
        annotations: values.map(([key, value]) => ({ key, value })),
      });
      await guest.action('weby', 'const main = (a) => ({ body: Object.keys(a).sort() })');
      const url = `${server.base}/api/v1/web/guest/default/weby?x=1`;
      assert.equal((await fetch(url)).status, 404);
      const put = (body: JsonObject): Promise<JsonObject> => guest.must('PUT', 'actions/weby?overwrite=true', body);
      await put(web(['web-export', true], ['raw-http', false], ['final', true]));
      assert.deepEqual(await (await fetch(url)).json(), ['__ow_headers', '__ow_method', '__ow_path', 'x']);
      await put(web(['web-export', true], ['raw-http', true], ['final', true]));
      const raw = ['__ow_body', '__ow_headers', '__ow_method', '__ow_path', '__ow_query'];
      assert.deepEqual(await (await fetch(url)).json(), raw);
      await put(web(['web-export', false], ['raw-http', false], ['final', false]));
      assert.equal((await fetch(url)).status, 404);
    });
  });

  it('have names, with or without the namespace, of what is allowed and nothing else', async () => {
    for (const name of ['a', 'a b', 'a.b', 'a-b', 'a_b', 'a@b', 'A', 'ünicode'.normalize(), 'x'.repeat(256)]) {
      const { status } = await guest.ask('PUT', `actions/${encodeURIComponent(name)}`, {
        exec: { kind: 'nodejs:20', code: 'x' },
      });
      assert.equal(status, name.startsWith('ü') ? 400 : 200, name);
    }
    for (const name of ['', ' ', 'a ', ' a', 'a$', '$', ' .', 'a/b/c', 'a,b', 'x'.repeat(257)]) {
      const { status } = await guest.ask('PUT', `actions/${encodeURIComponent(name)}`, {
        exec: { kind: 'nodejs:20', code: 'x' },
      });
      assert.ok(status === 400 || status === 404, `${name}: ${status}`);
    }
    // Names differ by case.
    assert.notDeepEqual(await guest.must('GET', 'actions/a'), await guest.must('GET', 'actions/A'));
  });

  it('run side by side if a container may take several, and one that fails does not end the others', async () => {
    // The default installation allows no more than one at a time: then they run in containers of their own.
    await guest.action(
      'parallel',
      'const main = ({ ms, fail }) => new Promise((done) => setTimeout(() => done(fail ? { error: "e" } : { ms }), ms))',
    );
    const runs = [100, 200, 300].map((ms) => guest.run('parallel', { ms }));
    const failing = guest.run('parallel', { ms: 50, fail: true });
    const results = await Promise.all(runs);
    assert.deepEqual(
      results.map(({ response }) => response.result),
      [{ ms: 100 }, { ms: 200 }, { ms: 300 }],
    );
    assert.deepEqual((await failing).response.result, { error: 'e' });
  });
});
