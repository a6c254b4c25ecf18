import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import openwhisk from 'openwhisk';
import { chainColoring, runDag, type Dag } from 'palette-whisk/coloring';
import type { PolicyName } from '../../shared/colors/ColorPolicy.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { Caller, readPosts, zipf } from '../bench/colorWorkload.js';
import { testServer, type TestServer } from '../conformance/server.js';
import { eventually } from '../e2e/eventually.js';
import { GUEST_KEY } from '../e2e/keys.js';

/*
 * Colors on a whole server with four invokers, whose actions run in processes: how often an invocation finds in memory what
 * an earlier one left there, and that colors come by every way that an invocation has.
 */

const COUNT = `
const seen = new Map();
function main(args) {
  const post = args.post ?? (args.__ow_query && new URLSearchParams(args.__ow_query).get('post'));
  seen.set(post, (seen.get(post) ?? 0) + 1);
  return { post, times: seen.get(post) };
}`;

type Annotations = readonly { key: string; value: Json }[];
const annotation = (record: JsonObject, key: string): Json | undefined =>
  (record['annotations'] as unknown as Annotations).find((one) => one.key === key)?.value;
/** Of an annotation that is text. */
const textOf = (record: JsonObject, key: string): string => {
  const value = annotation(record, key);
  assert.equal(typeof value, 'string', key);
  return value as string;
};
const resultOf = (record: JsonObject): JsonObject => (record['response'] as { result: JsonObject }).result;

describe('colors', function () {
  this.timeout(600_000);
  let server: TestServer;
  let caller: Caller;

  before(async () => {
    // Room for two containers on each invoker.
    server = await testServer(['--process', '--invokers', '4', '--memory', '256', '--no-catalog']);
    caller = new Caller(server.base);
  });
  after(async () => {
    await caller?.close();
    await server?.stop();
  });

  it('find in memory what earlier invocations left there, far more often than by chance', async () => {
    const counts = { posts: 200, warmUp: 0, invocations: 900, parallel: 2, exponent: 0.8 };
    // However long a busy machine takes for a run, a color waits for its home.
    const workload = { ...counts, hitMs: 0, missMs: 0, patienceMs: 60_000 };
    const random = await readPosts(caller, 'random', workload);
    const rows = [`random: ${random.memory}`];
    for (const policy of [
      'consistent-hashing',
      'bucket-hashing',
      'least-assigned',
      'bounded-load',
    ] satisfies PolicyName[]) {
      const hits = await readPosts(caller, policy, workload);
      rows.push(`${policy}: ${hits.memory}, at home ${hits.home}`);
      assert.ok(hits.memory >= random.memory + 0.15, rows.join('; '));
      assert.ok(hits.home >= 0.9, rows.join('; '));
    }
  });

  it('leave the records of uncolored invocations as they are without colors', async () => {
    await caller.createAction('plain', COUNT, {});
    const record = await caller.request('POST', '/actions/plain?blocking=true', { post: 1 });
    for (const key of ['color', 'invoker', 'container', 'colorHit', 'colorHome'])
      assert.equal(annotation(record, key), undefined);
    const colored = await caller.request('POST', '/actions/plain?blocking=true', {}, { 'X-OpenWhisk-Color': 'blue' });
    assert.equal(annotation(colored, 'color'), 'blue');
    assert.match(textOf(colored, 'invoker'), /^invoker[0-3]$/);
    assert.equal(typeof annotation(colored, 'container'), 'string');
    assert.equal(annotation(colored, 'colorHome'), true);
    // Another action of the same color shares its home, and not its container.
    assert.equal(annotation(colored, 'colorHit'), false);
    const again = await caller.request('POST', '/actions/plain?blocking=true', {}, { 'X-OpenWhisk-Color': 'blue' });
    assert.equal(annotation(again, 'colorHit'), true);
  });

  it('come through a sequence: every component meets the home of the run', async () => {
    await caller.createAction('first', COUNT, {});
    await caller.createAction('second', COUNT, {});
    await caller.request('PUT', '/actions/both?overwrite=true', {
      exec: { kind: 'sequence', components: ['/_/first', '/_/second'] },
      annotations: [{ key: 'color', value: '{post}' }],
    });
    const draw = zipf(20, 0.8);
    const homes = new Map<number, Set<string>>();
    for (let i = 0; i < 30; i++) {
      const post = draw();
      const record = await caller.request('POST', '/actions/both?blocking=true', { post });
      assert.equal(annotation(record, 'color'), String(post));
      for (const id of record['logs'] as string[]) {
        const component = await eventually(() => caller.request('GET', `/activations/${id}`));
        assert.equal(annotation(component, 'color'), String(post));
        homes.set(post, (homes.get(post) ?? new Set()).add(textOf(component, 'invoker')));
      }
    }
    for (const [post, invokers] of homes) assert.equal(invokers.size, 1, `post ${post}: ${[...invokers].join(', ')}`);
  });

  it('come through a conductor: its own steps and the actions that it names meet the home of the run', async () => {
    await caller.createAction('step', COUNT, {});
    const twice = `
      function main({ post, done = 0 }) {
        if (done === 2) return { params: { post } };
        return { action: 'step', params: { post }, state: { done: done + 1 } };
      }`;
    await caller.createAction('twice', twice, { conductor: true, color: '{post}' });
    for (const post of [1, 2, 3, 1, 2, 1]) {
      const record = await caller.request('POST', '/actions/twice?blocking=true', { post });
      assert.equal(annotation(record, 'color'), String(post));
      const ids = record['logs'] as string[];
      assert.equal(ids.length, 5, 'three steps of the conductor, two of the action');
      const parts = await eventually(() => Promise.all(ids.map((id) => caller.request('GET', `/activations/${id}`))));
      assert.deepEqual(
        parts.map(({ name }) => name),
        ['twice', 'step', 'twice', 'step', 'twice'],
      );
      for (const part of parts) {
        assert.equal(annotation(part, 'color'), String(post));
        assert.equal(textOf(part, 'invoker'), textOf(parts[0] as JsonObject, 'invoker'), `post ${post}`);
      }
    }
  });

  it('come through a conductor with a color of its own for each run, and with that of the header before the annotation', async () => {
    await caller.createAction('ask', COUNT, {});
    const once = `function main({ asked }) { return asked ? { params: {} } : { action: 'ask', state: { asked: true } }; }`;
    await caller.createAction('once', once, { conductor: true, color: '{$activation}' });
    for (const header of [undefined, 'red']) {
      const headers = header === undefined ? {} : { 'X-OpenWhisk-Color': header };
      const record = await caller.request('POST', '/actions/once?blocking=true', {}, headers);
      const color = header ?? record['activationId'];
      assert.equal(annotation(record, 'color'), color);
      const ids = record['logs'] as string[];
      assert.equal(ids.length, 3);
      const parts = await eventually(() => Promise.all(ids.map((id) => caller.request('GET', `/activations/${id}`))));
      for (const part of parts) assert.equal(annotation(part, 'color'), color, textOf(part, 'path'));
    }
  });

  it('come through a trigger and its rules', async () => {
    await caller.createAction('fired', COUNT, {});
    await caller.request('PUT', '/triggers/posted?overwrite=true', {
      annotations: [{ key: 'color', value: 'post-{post}' }],
    });
    await caller.request('PUT', '/rules/onPosted?overwrite=true', { trigger: '/_/posted', action: '/_/fired' });
    const draw = zipf(5, 0.8);
    const fired = 15;
    for (let i = 0; i < fired; i++) await caller.request('POST', '/triggers/posted', { post: draw() });
    const records = await eventually(async () => {
      const list = await caller.request('GET', '/activations?name=fired&docs=true&limit=50');
      const all = list as unknown as JsonObject[];
      assert.equal(all.length, fired);
      return all;
    });
    const homes = new Map<Json | undefined, Set<Json | undefined>>();
    for (const record of records) {
      const color = annotation(record, 'color');
      assert.equal(color, `post-${resultOf(record)['post'] as number}`);
      if (annotation(record, 'colorHome') === true) {
        homes.set(color, (homes.get(color) ?? new Set()).add(annotation(record, 'invoker')));
      }
    }
    for (const invokers of homes.values()) assert.equal(invokers.size, 1);
    const [some] = homes.keys();
    const found = await caller.request('GET', `/activations?color=${some as string}&docs=true`);
    const colors = (found as unknown as JsonObject[]).map((record) => annotation(record, 'color'));
    assert.ok(colors.length > 0 && colors.every((color) => color === some), 'the list can be filtered by a color');
  });

  it('come through a web action, from its query', async () => {
    await caller.createAction('web', COUNT, { 'web-export': true, color: '{post}' });
    const times: Json[] = [];
    for (let i = 0; i < 4; i++) {
      const answer = await caller.request('GET', '/api/v1/web/guest/default/web.json?post=7');
      times.push(answer['times'] ?? null);
    }
    assert.deepEqual(times, [1, 2, 3, 4], 'the same container each time');
    await caller.createAction('page', COUNT, { 'web-export': true, color: '{__ow_path}?{__ow_query}' });
    await caller.request('GET', '/api/v1/web/guest/default/page.json/a/b?post=7');
    await eventually(async () => {
      const found = await caller.request('GET', `/activations?color=${encodeURIComponent('/a/b?post=7')}`);
      assert.equal((found as unknown as JsonObject[]).length, 1);
    });
  });

  it('show operators the mistake in a template', async () => {
    await caller.createAction('wrong', COUNT, { color: 'post-{post' });
    const record = await caller.request('POST', '/actions/wrong?blocking=true', { post: 1 });
    assert.equal(annotation(record, 'color'), undefined, 'no color, and no refusal');
    const view = (await (await fetch(`${server.base}/palette`)).json()) as JsonObject;
    const [mistake] = view['templateMistakes'] as JsonObject[];
    assert.deepEqual([mistake?.['entity'], mistake?.['at']], ['guest/wrong', 5]);
    const homes = await (await fetch(`${server.base}/palette?namespace=guest&color=blue`)).json();
    const byRing = (homes as { policy: string; homes: number[] }[]).find(
      ({ policy }) => policy === 'consistent-hashing',
    );
    assert.equal(byRing?.homes.length, 4);
  });

  it('are headers of the answers of blocking and web invocations', async () => {
    await caller.createAction('page', COUNT, { 'web-export': true });
    const ask = async (path: string, method = 'GET'): Promise<(string | null)[]> => {
      const headers = {
        'x-openwhisk-color': 'shown',
        authorization: `Basic ${Buffer.from(GUEST_KEY).toString('base64')}`,
      };
      const answer = await fetch(`${server.base}/api/v1/${path}`, { method, headers });
      assert.equal(answer.status, 200, await answer.text());
      return ['x-openwhisk-color-hit', 'x-openwhisk-color-home'].map((name) => answer.headers.get(name));
    };
    const blocking = 'namespaces/_/actions/page?blocking=true';
    assert.deepEqual(await ask(blocking, 'POST'), ['false', 'true']);
    assert.deepEqual(await ask(blocking, 'POST'), ['true', 'true']);
    assert.deepEqual(await ask('web/guest/default/page.json'), ['true', 'true']);
  });

  it('run a graph with the client: a chain stays in one container', async () => {
    await caller.createAction('step', COUNT, {});
    const dag: Dag = {
      nodes: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id })),
      edges: [
        { from: 'a', to: 'b' },
        { from: 'b', to: 'c' },
        { from: 'c', to: 'd' },
        { from: 'a', to: 'e' },
      ],
    };
    const client = openwhisk({ apihost: server.base, api_key: GUEST_KEY });
    const coloring = chainColoring(dag, { prefix: 'run' });
    const activations = new Map<string, string>();
    const results = await runDag(client, dag, coloring, {
      invocation: (node, inputs) => ({
        action: 'step',
        params: { post: coloring.get(node.id), from: [...inputs.keys()] },
      }),
      parallel: 1,
      onProgress: ({ node, activationId = '' }) => activations.set(node, activationId),
    });
    assert.equal((results.get('d') as JsonObject)['times'], 4, 'the fourth of its color in one container');
    const records = await Promise.all(
      ['a', 'd'].map((id) => eventually(() => caller.request('GET', `/activations/${activations.get(id) ?? ''}`))),
    );
    assert.equal(annotation(records[0] as JsonObject, 'container'), annotation(records[1] as JsonObject, 'container'));
  });
});

describe('an action that needs certain invokers or containers', function () {
  let server: TestServer;
  let caller: Caller;

  before(async () => {
    server = await testServer(['--process', '--invokers', '2', '--memory', '512', '--no-catalog']);
    caller = new Caller(server.base);
  });
  after(async () => {
    await caller?.close();
    await server?.stop();
  });

  it('is refused with a text that names the tags which no invoker has', async () => {
    await caller.createAction('infer', COUNT, { 'invoker-resources': ['gpu'] });
    await assert.rejects(
      caller.request('POST', '/actions/infer?blocking=true', {}),
      /answered 503: .*No invoker with the resources gpu is available/,
    );
    await caller.createAction('wish', COUNT, {
      'invoker-resources': ['gpu'],
      'invoker-resources-strict-policy': false,
    });
    await caller.request('POST', '/actions/wish?blocking=true', {});
  });

  it('has no more containers than its limit, whatever comes at once', async () => {
    const code = 'const id = Math.random(); const main = () => new Promise((end) => setTimeout(end, 20, { id }));';
    const limited = async (name: string, instances: number): Promise<void> => {
      const body = { exec: { kind: 'nodejs:20', code }, limits: { memory: 128, instances } };
      await caller.request('PUT', `/actions/${name}?overwrite=true`, body);
    };
    for (const [name, instances] of [
      ['single', 1],
      ['pair', 2],
    ] as const) {
      await limited(name, instances);
      const records = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          caller.request('POST', `/actions/${name}?blocking=true`, {}, i % 2 ? { 'X-OpenWhisk-Color': `c${i}` } : {}),
        ),
      );
      const ids = new Set(records.map((record) => resultOf(record)['id']));
      assert.ok(ids.size <= instances, `${name}: ${ids.size} containers`);
    }
    await limited('none', 0);
    await assert.rejects(caller.request('POST', '/actions/none?blocking=true', {}), /429: .*'instances' is 0/);
    await assert.rejects(limited('many', 1001), /400: .*must not exceed your namespace concurrency of 1000/);
  });
});

describe('the invokers of a standalone server that have a tag and are dedicated to a namespace', function () {
  const alice = `${randomUUID()}:${'a'.repeat(64)}`;
  let folder: string;
  let server: TestServer;
  let caller: Caller;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-dedicated-'));
    const users = join(folder, 'users.json');
    writeFileSync(users, JSON.stringify({ alice }));
    server = await testServer(['--process', '--no-catalog', '--users', users], {
      CONFIG_whisk_invoker_resource_tags: 'gpu',
      CONFIG_whisk_invoker_dedicated_namespaces: 'guest',
    });
    caller = new Caller(server.base);
  });
  after(async () => {
    await caller?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  it('run actions of this namespace that need the tag, and none of others', async () => {
    await caller.createAction('infer', COUNT, { 'invoker-resources': ['gpu'] });
    const record = await caller.request('POST', '/actions/infer?blocking=true', { post: 7 });
    assert.deepEqual(resultOf(record), { post: 7, times: 1 });
    const answer = async (method: string, path: string, body: Json): Promise<{ status: number; text: string }> => {
      const response = await fetch(`${server.base}/api/v1/namespaces/_${path}`, {
        method,
        headers: { authorization: `Basic ${btoa(alice)}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, text: await response.text() };
    };
    const created = await answer('PUT', '/actions/own', { exec: { kind: 'nodejs:20', code: COUNT } });
    assert.equal(created.status, 200, created.text);
    const { status, text } = await answer('POST', '/actions/own?blocking=true', {});
    assert.equal(status, 503);
    assert.match(text, /No invoker is available for the namespace 'alice': all are dedicated to other namespaces\./);
  });
});
