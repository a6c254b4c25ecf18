import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import openwhisk from 'openwhisk';
import { WELL_KNOWN_USERS } from '../../deploy/standalone/users.js';
import { runDag } from '../../shared/graphs/index.js';
import { eventually } from '../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from './standalone/serverProcess.js';

const MAKE = `function main({ n, char }) { return { text: char.repeat(n) } }`;
const MEASURE = `function main(parameters) {
  const lengths = Object.entries(parameters).map(([name, value]) => [name, (value.text || value).length]);
  return Object.fromEntries(lengths);
}`;
const FAIL = `function main({ n }) { return { error: 'it failed', text: 'x'.repeat(n) } }`;
/** Its own result is large, too; its state has the same field as the result of its component. */
const CONDUCTOR = `function main({ n, done, char, text }) {
  if (!done) return { action: 'make', params: { n, char: 'x', pad: 'p'.repeat(n) }, state: { done: true, text: 'mine' } };
  return { params: { text, done, got: typeof char } };
}`;
/** More than the limit of an invocation, which is 1 MB. */
const LARGE = 5_000_000;

describe('parameters and results by reference', () => {
  let server: ServerProcess;
  let url: string;
  const data = mkdtempSync(join(tmpdir(), 'palette-whisk-references-'));

  before(async () => {
    server = startServerProcess(['--port', '0', '--data', data, '--process', '--no-catalog', '--invokers', '2']);
    url = await server.ready();
    const client = openwhisk({ apihost: url, api_key: WELL_KNOWN_USERS.guest });
    await client.actions.update({ name: 'make', action: MAKE, kind: 'nodejs:default' });
    await client.actions.update({ name: 'measure', action: MEASURE, kind: 'nodejs:default' });
    await client.actions.update({ name: 'fail', action: FAIL, kind: 'nodejs:default' });
    const preset = {
      exec: { kind: 'nodejs:default', code: 'function main(all) { return all }' },
      parameters: [{ key: 'preset', value: 'the owner’s' }],
    };
    await client.actions.update({ name: 'preset', action: preset });
    await client.actions.update({
      name: 'conductor',
      action: {
        exec: { kind: 'nodejs:default', code: CONDUCTOR },
        annotations: [{ key: 'conductor', value: true }],
      },
    });
    await client.actions.update({
      name: 'final',
      action: { ...preset, annotations: [{ key: 'final', value: true }] },
    });
    for (const first of ['make', 'fail']) {
      await client.actions.update({
        name: `${first}AndPreset`,
        action: { exec: { kind: 'sequence', components: [`/_/${first}`, '/_/preset'] } },
      });
    }
    await client.actions.update({
      name: 'both',
      action: { exec: { kind: 'sequence', components: ['/_/make', '/_/measure'] } },
    });
  });
  after(async () => {
    server.signal('SIGTERM');
    await server.exited();
    rmSync(data, { recursive: true, force: true });
  });

  const authorization = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
  const objectsUrl = (path: string): string => `${url}/api/v1/namespaces/_/objects/${path}`;

  async function invoke(name: string, params: object, headers: Record<string, string>) {
    const response = await fetch(`${url}/api/v1/namespaces/_/actions/${name}?blocking=true&result=true`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(params),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const reference = { 'X-OpenWhisk-Result': 'reference' };

  it('let a result beyond the limit stay on the platform, where callers and other actions find it', async () => {
    for (const color of [undefined, 'blue', 'red', 'green']) {
      const headers: Record<string, string> =
        color === undefined ? reference : { ...reference, 'X-OpenWhisk-Color': color };
      const made = await eventually(async () => {
        const done = await invoke('make', { n: LARGE, char: 'x' }, headers);
        // On a busy machine, the home of a color may not be known for some seconds.
        if (done.status === 502) assert.doesNotMatch(JSON.stringify(done.body), /home of the color is not known/);
        return done;
      });
      assert.equal(made.status, 200, JSON.stringify(made.body).slice(0, 500));
      assert.equal(made.body['bytes'], LARGE + '{"text":""}'.length);
      const address = String(made.body['$object']);
      const read = await fetch(objectsUrl(address), { headers: { authorization } });
      assert.equal(read.headers.get('content-type'), 'application/json');
      assert.equal(((await read.json()) as { text: string }).text.length, LARGE);
      // Uncolored: it may run on the other invoker.
      const measured = await invoke('measure', { one: made.body, two: { $object: address } }, reference);
      assert.deepEqual(measured.body, { one: LARGE, two: LARGE });
    }
  });

  it('let a caller place input that no request could carry', async () => {
    const put = await fetch(objectsUrl('inputs/large'), {
      method: 'PUT',
      headers: { authorization, 'content-type': 'text/plain' },
      body: 'y'.repeat(LARGE),
    });
    assert.equal(put.status, 201);
    const { body } = await invoke('measure', { input: { $object: 'inputs/large' } }, reference);
    assert.deepEqual(body, { input: LARGE });
  });

  it('go from step to step of a sequence', async () => {
    const { status, body } = await invoke('both', { n: LARGE, char: 'z' }, reference);
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    // The parameters of the second step are the object itself.
    assert.deepEqual(body, { text: LARGE });
  });

  it('leave the parameters of a step that the result before does not set', async () => {
    const headers = { 'X-OpenWhisk-Result': 'reference; over=100' };
    const { body } = await invoke('makeAndPreset', { n: 200, char: 'x' }, headers);
    const kept = await fetch(objectsUrl(String(body['$object'])), { headers: { authorization } });
    assert.deepEqual(await kept.json(), { preset: 'the owner’s', text: 'x'.repeat(200) });
  });

  it('let a failed action fail, and its sequence end, whatever the size of the error', async () => {
    const headers = { 'X-OpenWhisk-Result': 'reference; over=100' };
    for (const name of ['fail', 'failAndPreset']) {
      const failed = await invoke(name, { n: 200 }, headers);
      assert.deepEqual(failed, { status: 502, body: { error: 'it failed' } });
    }
  });

  it('reach a conductor, which has its state, and whose own result the controller reads', async () => {
    const { body } = await invoke('conductor', { n: 300 }, { 'X-OpenWhisk-Result': 'reference; over=100' });
    assert.deepEqual(body, { text: 'mine', done: true, got: 'undefined' });
  });

  it('do not set final parameters, whatever the object has', async () => {
    const put = async (key: string, body: string) => {
      const request = { method: 'PUT', headers: { authorization, 'content-type': 'application/json' }, body };
      assert.ok((await fetch(objectsUrl(`forged/${key}`), request)).ok);
    };
    await put('fields', '{"preset":"the caller’s"}');
    await put('places', '1},"value":{"preset":"the caller’s"},"x":{"y":1');
    assert.equal((await invoke('final', { $object: 'forged/fields' }, reference)).status, 400);
    const { status, body } = await invoke('final', { a: { $object: 'forged/places' } }, reference);
    assert.equal(status, 502, JSON.stringify(body));
    assert.match(String(body['error']), /not valid JSON/);
    const given = await invoke('final', { a: { $object: 'forged/fields' } }, reference);
    assert.deepEqual(given.body, { preset: 'the owner’s', a: { preset: 'the caller’s' } });
    // An action without final parameters takes them.
    const all = await invoke('preset', { $object: 'forged/fields' }, reference);
    assert.deepEqual(all.body, { preset: 'the caller’s' });
  });

  it('are refused in words when an object is missing, and leave other invocations as they are', async () => {
    const missing = await invoke('measure', { input: { $object: 'inputs/none' } }, reference);
    assert.equal(missing.status, 502);
    assert.match(String(missing.body['error']), /'inputs\/none', which could not be read: The object does not exist/);
    const plain = await invoke('measure', { input: 'abc' }, {});
    assert.deepEqual(plain.body, { input: 3 });
    const unresolved = await invoke('measure', { input: { $object: 'inputs/large', text: 'abcd' } }, {});
    assert.deepEqual(unresolved.body, { input: 4 });
    assert.equal((await invoke('measure', {}, { 'X-OpenWhisk-Result': 'sometimes' })).status, 400);
  });

  it('carry the results of a graph', async () => {
    const client = openwhisk({ apihost: url, api_key: WELL_KNOWN_USERS.guest });
    const dag = {
      nodes: [{ id: 'a' }, { id: 'b' }, { id: 'sum' }],
      edges: [
        { from: 'a', to: 'sum' },
        { from: 'b', to: 'sum' },
      ],
    };
    const coloring = new Map([
      ['a', 'chain-1'],
      ['sum', 'chain-1'],
      ['b', 'chain-2'],
    ]);
    const results = await runDag(client, dag, coloring, {
      invocation: ({ id }, inputs) =>
        id === 'sum'
          ? { action: 'measure', params: Object.fromEntries(inputs) }
          : { action: 'make', params: { n: LARGE, char: id } },
      references: true,
    });
    assert.deepEqual(results.get('sum'), { a: LARGE, b: LARGE });
  });
});
