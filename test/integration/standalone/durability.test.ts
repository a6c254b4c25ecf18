import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'undici';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const ROUNDS = Number(process.env['DURABILITY_ROUNDS'] ?? '3');
const CONNECTIONS = 8;
/** Accepted in each round before the server is killed. */
const ENOUGH = 150;

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

for (const [place, places] of [
  ['in the main thread', []],
  ['in threads', ['--threads', '--invokers', '2']],
  ['in threads, behind two controllers', ['--controllers', '2']],
] as const) {
  describe(`the standalone server with invokers ${place}, killed under load`, function () {
    this.timeout(120_000 * ROUNDS);
    let folder: string;
    let ran: string;
    let server: ServerProcess;
    let url: string;
    let agent: Agent;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'palette-whisk-durable-'));
      ran = join(folder, 'ran');
      agent = new Agent({ connections: CONNECTIONS });
      await start();
      // Writes down that it ran, then takes a while.
      const code = `const { appendFileSync } = require('node:fs');
      function main() {
        appendFileSync(${JSON.stringify(ran)}, process.env.__OW_ACTIVATION_ID + '\\n');
        return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 5));
      }`;
      const exec = { kind: 'nodejs:20', code };
      await call('PUT', 'actions/work?overwrite=true', { exec, limits: { memory: 128 } });
      const components = ['/guest/work', '/guest/work'];
      await call('PUT', 'actions/both?overwrite=true', { exec: { kind: 'sequence', components } });
      await call('PUT', 'triggers/event', {});
      await call('PUT', 'rules/link', { trigger: '/guest/event', action: '/guest/work' });
      await call('POST', 'actions/work?blocking=true', {});
    });
    afterEach(async () => {
      server.signal('SIGKILL');
      await server.exited();
      await agent.close();
      rmSync(folder, { recursive: true, force: true });
    });

    async function start(): Promise<void> {
      server = startServerProcess([
        '--port',
        '0',
        '--data',
        join(folder, 'data'),
        '--no-catalog',
        '--process',
        '--memory',
        '512',
        ...places,
      ]);
      url = await server.ready();
    }

    async function call(method: 'GET' | 'PUT' | 'POST', path: string, body?: object): Promise<Answer> {
      const answer = await request(`${url}/api/v1/namespaces/_/${path}`, {
        method,
        dispatcher: agent,
        headers: {
          authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
          'content-type': 'application/json',
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
    }

    const INVOCATIONS = [
      'actions/work',
      'actions/work',
      'actions/both',
      'triggers/event',
      'actions/work?blocking=true',
      'actions/both?blocking=true',
    ] as const;

    /** Invokes until the server is gone. Resolves to the ids that were answered. */
    async function load(onAccepted: (ids: readonly string[]) => void): Promise<string[]> {
      const ids: string[] = [];
      const connection = async (first: number): Promise<void> => {
        for (let i = first; ; i++) {
          try {
            const { status, body } = await call('POST', INVOCATIONS[i % INVOCATIONS.length] ?? 'actions/work', {});
            if (status !== 202 && status !== 200) continue;
            ids.push(String(body['activationId']));
            onAccepted(ids);
          } catch {
            return;
          }
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => connection(i)));
      return ids;
    }

    async function withoutRecord(ids: readonly string[]): Promise<string[]> {
      const missing: string[] = [];
      for (const id of ids) if ((await call('GET', `activations/${id}`)).status !== 200) missing.push(id);
      return missing;
    }

    /** Every id that was answered has a record in the end; nothing ran twice. */
    async function check(ids: readonly string[]): Promise<void> {
      let missing: readonly string[] = ids;
      await eventually(async () => {
        missing = await withoutRecord(missing);
        assert.deepEqual(missing, [], `${missing.length} of ${ids.length} accepted activations have no record`);
      }, 120_000);
      const lines = existsSync(ran) ? readFileSync(ran, 'utf8').trim().split('\n') : [];
      const twice = lines.filter((line, i) => lines.indexOf(line) !== i);
      assert.deepEqual(twice, [], `${twice.length} activations ran twice`);
    }

    it('has a record of all that it answered, and runs nothing twice', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const ids = await load((accepted) => {
          if (accepted.length === ENOUGH) server.signal('SIGKILL');
        });
        await server.exited();
        await start();
        await check(ids);
      }
    });

    it('does not run again what a caller waited for no longer', async () => {
      const code = `const { appendFileSync } = require('node:fs');
      function main({ ms }) {
        appendFileSync(${JSON.stringify(ran)}, process.env.__OW_ACTIVATION_ID + '\\n');
        return new Promise((resolve) => setTimeout(() => resolve({ done: true }), ms));
      }`;
      await call('PUT', 'actions/slow', { exec: { kind: 'nodejs:20', code }, limits: { memory: 128 } });
      await call('POST', 'actions/slow?blocking=true', { ms: 1 });
      const { status, body } = await call('POST', 'actions/slow?blocking=true&timeout=300', { ms: 5000 });
      const id = String(body['activationId']);
      assert.equal(status, 202);
      await eventually(async () => assert.ok(readFileSync(ran, 'utf8').includes(id)), 10_000);
      server.signal('SIGKILL');
      await server.exited();
      await start();
      await check([id]);
    });

    it('loses nothing at the second signal', async () => {
      const ids = await load((accepted) => {
        if (accepted.length !== ENOUGH) return;
        // Its successor may have begun by then, where it has nothing left to do.
        const stopping = server;
        stopping.signal('SIGTERM');
        setTimeout(() => stopping.signal('SIGTERM'), 600);
      });
      await server.exited();
      await start();
      await check(ids);
    });
  });
}
