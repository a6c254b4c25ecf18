import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { ObjectHistory, randomNumbers, type SendCall } from '../../history/ObjectHistory.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

/** Sends one request for an object from the invoker where it runs. */
const ACTION = `
const http = require('node:http');
exports.main = ({ method, path, headers, body }) => new Promise((resolve, reject) => {
  const url = process.env.__OW_OBJECTS_URL;
  const place = url.startsWith('unix:') ? { socketPath: url.slice(5) } : { host: new URL(url).hostname, port: new URL(url).port };
  const authorization = 'Bearer ' + process.env.__OW_OBJECTS_TOKEN;
  const call = http.request({ ...place, method, path, headers: { ...headers, authorization } }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, text }));
  });
  call.on('error', reject).end(body);
});`;

const COLORS = ['red', 'green', 'blue', 'white'];
const INVOKERS = 3;
const CLIENTS = 4;
const replySchema = z.object({ status: z.number(), text: z.string() });
const figuresSchema = z.array(z.object({ hits: z.number(), forwarded: z.number(), keptBytes: z.number() }));

describe('the history of each object is linearizable in a standalone server', function () {
  this.timeout(600_000);
  const data = mkdtempSync(join(tmpdir(), 'palette-whisk-histories-'));
  let server: ServerProcess;
  let url: string;

  async function start(): Promise<void> {
    const args = ['--port', '0', '--data', data, '--process', '--no-catalog', '--invokers', String(INVOKERS)];
    const env = { LIMITS_ACTIONS_INVOKES_PERMINUTE: '1000000', LIMITS_ACTIONS_INVOKES_CONCURRENT: '1000' };
    server = startServerProcess(args, { env });
    url = await server.ready();
  }
  async function stop(): Promise<void> {
    server.signal('SIGTERM');
    await server.exited();
  }
  before(async () => {
    await start();
    const made = await api('PUT', 'actions/step', { exec: { kind: 'nodejs:default', code: ACTION } });
    assert.equal(made.status, 200);
  });
  after(async () => {
    await stop();
    rmSync(data, { recursive: true, force: true });
  });

  const authorization = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
  const api = (method: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/api/v1/namespaces/_/${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  const fromOutside: SendCall = async ({ path, method, headers, body }) => {
    const response = await fetch(`${url}/api/v1/namespaces/_/objects${path}`, {
      method,
      headers: { authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, text: await response.text() };
  };
  /** As an action whose color is not that of the object, so that it runs on any of the invokers. */
  const inAction =
    (color: string): SendCall =>
    async (call) => {
      const response = await api('POST', 'actions/step?blocking=true&result=true', call, {
        'x-openwhisk-color': color,
        'x-openwhisk-color-policy': 'consistent-hashing; patience=60000',
      });
      const answer: unknown = await response.json();
      return replySchema.parse(answer);
    };

  /** Runs clients outside and in actions, until there are so many more reads and increments. */
  async function run(history: ObjectHistory, count: number): Promise<void> {
    const end = history.successes + count;
    const client = async (send: SendCall): Promise<void> => {
      while (history.successes < end) await history.step(send);
    };
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => {
        await Promise.all([client(fromOutside), client(inAction(`client-${i}`))]);
      }),
    );
    const faults = history.faults();
    assert.equal(faults.length, 0, faults.join('\n'));
  }
  const newHistory = (name: string, kinds: readonly string[]): ObjectHistory => {
    const places = COLORS.flatMap((color) => kinds.map((kind) => `${color}/${kind}/${name}`));
    return new ObjectHistory(randomNumbers(1), places, (place) => String(place.split('/')[1]));
  };

  it('with callers outside and in actions of all invokers', async () => {
    const history = newHistory('one', ['memory', 'replicated', 'stored']);
    await run(history, 400);
    const response = await fetch(`${url}/palette/objects`);
    const figures = figuresSchema.parse(await response.json());
    assert.equal(figures.length, INVOKERS);
    const working = (of: 'hits' | 'forwarded'): number => figures.filter((one) => one[of] > 0).length;
    assert.ok(working('hits') > 1 && working('forwarded') > 1, JSON.stringify(figures));
  });

  it('and goes on after a restart, which loses no stored object', async () => {
    const history = newHistory('two', ['memory', 'stored']);
    await run(history, 100);
    const kept = 'green/stored/kept';
    const headers = { 'x-palette-persistence': 'stored' };
    const put = await fromOutside({ method: 'PUT', path: `/${kept}`, headers, body: 'kept' });
    assert.equal(put?.status, 201);
    history.mayLose();
    await stop();
    await start();
    await eventually(async () => {
      const found = await fromOutside({ method: 'GET', path: `/${kept}`, headers: {}, body: undefined });
      assert.deepEqual(found, { status: 200, text: 'kept' });
    });
    await run(history, 200);
  });
});
