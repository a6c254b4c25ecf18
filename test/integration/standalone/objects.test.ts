import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { detectOci } from '../../../invoker/containers/oci/detect.js';
import { detectSandbox } from '../../../invoker/containers/process/sandbox.js';
import { ensureDocker } from '../docker.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const NODE = `
const objects = require('palette-whisk/objects');
exports.main = async () => ({ n: await objects.increment('red', 'n'), text: (await objects.get('red', 'text')) ?? null });
`;
const PYTHON = `
import palette_objects as objects
def main(args):
    objects.put('red', 'text', 'from Python')
    return {'n': objects.increment('red', 'n')}
`;
const WITHOUT = `exports.main = async () => ({ names: Object.keys(process.env).filter((name) => name.startsWith('__OW_OBJECTS')) });`;

const SOCKET = `
const { statSync, writeFileSync } = require('fs');
exports.main = () => {
  const url = process.env.__OW_OBJECTS_URL;
  const path = url.replace(/^unix:/, '');
  let writable = true;
  try { writeFileSync(require('path').dirname(path) + '/x', 'x'); } catch { writable = false; }
  return { url, isSocket: statSync(path).isSocket(), writable };
};`;

describe('objects in actions', function () {
  let data: string;
  let server: ServerProcess;
  let url: string;

  async function start(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
    data = mkdtempSync(join(tmpdir(), 'palette-whisk-objects-'));
    server = startServerProcess(['--port', '0', '--data', data, '--no-catalog', ...args], { env });
    url = await server.ready();
  }
  afterEach(async () => {
    server.signal('SIGTERM');
    await server.exited();
    rmSync(data, { recursive: true, force: true });
  });

  async function call(user: 'guest' | 'whisk.system', method: string, path: string, body: unknown): Promise<unknown> {
    const response = await fetch(`${url}/api/v1/namespaces/_/actions/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS[user]).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json();
    assert.ok(response.ok, `${JSON.stringify(answer)}\n${server.output()}`);
    return answer;
  }
  async function made(
    user: 'guest' | 'whisk.system',
    name: string,
    kind: string,
    code: string,
  ): Promise<() => Promise<unknown>> {
    await call(user, 'PUT', `${name}?overwrite=true`, { exec: { kind, code } });
    return () => call(user, 'POST', `${name}?blocking=true&result=true`, {});
  }

  /** The object memory starts at its first request: on a busy machine that takes longer than an action waits. */
  const memoryStarts = (): Promise<void> =>
    eventually(async () => {
      const authorization = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
      const missing = await fetch(`${url}/api/v1/namespaces/_/objects/red/missing`, { headers: { authorization } });
      assert.equal(missing.status, 404, await missing.text());
    });

  for (const driver of ['process', 'sandbox'] as const) {
    it(`are shared by the actions of a namespace, in Node.js and Python, and by nobody else (${driver})`, async () => {
      if (driver === 'sandbox') assert.ok((await detectSandbox()).usable);
      await start([`--${driver}`]);
      const one = await made('guest', 'one', 'nodejs:20', NODE);
      const python = await made('guest', 'python', 'python:3', PYTHON);
      const other = await made('whisk.system', 'other', 'nodejs:20', NODE);
      assert.deepEqual(await one(), { n: 1, text: null });
      assert.deepEqual(await python(), { n: 2 });
      assert.deepEqual(await one(), { n: 3, text: 'from Python' });
      assert.deepEqual(await other(), { n: 1, text: null });
    });
  }

  for (const driver of ['docker', 'oci'] as const) {
    it(`are reached in containers over a socket in a folder that the action cannot change (${driver})`, async function () {
      this.timeout(600_000);
      const detected =
        driver === 'oci' ? await detectOci() : await ensureDocker({ install: process.env['CI'] === 'true' });
      if (!detected.usable) {
        if (process.env['CI'] === 'true') assert.fail(detected.reason);
        this.skip();
      }
      await start([`--${driver}`]);
      const one = await made('guest', 'one', 'nodejs:20', NODE);
      const two = await made('guest', 'two', 'nodejs:20', NODE);
      const other = await made('whisk.system', 'other', 'nodejs:20', NODE);
      const socket = await made('guest', 'socket', 'nodejs:20', SOCKET);
      assert.deepEqual(await socket(), { url: 'unix:/run/palette-whisk/s', isSocket: true, writable: false });
      await memoryStarts();
      assert.deepEqual(await one(), { n: 1, text: null });
      assert.deepEqual(await two(), { n: 2, text: null });
      assert.deepEqual(await other(), { n: 1, text: null });
    });
  }

  it('are not there if the configuration turns them off', async () => {
    await start(['--process'], { CONFIG_whisk_objects_memory: '0' });
    const without = await made('guest', 'without', 'nodejs:20', WITHOUT);
    assert.deepEqual(await without(), { names: [] });
  });
});
