import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { WELL_KNOWN_USERS } from '../../deploy/standalone/users.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';

/** A standalone server in a process of its own. */
export interface BenchServer {
  readonly pid: number;
  /** From the start of the process to its first answer, in ms. */
  readonly firstAnswerMs: number;
  request(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: Json): Promise<JsonObject>;
  stop(): Promise<void>;
}

/** Starts a server on a free port with a data folder of its own, and waits for its first answer. */
export async function startServer(options: readonly string[]): Promise<BenchServer> {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'palette-whisk-bench-'));
  const main = fileURLToPath(new URL('../../deploy/standalone/main.js', import.meta.url));
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [main, '--port', String(port), '--data', data, '--log-level', 'warn', ...options],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
  await untilAnswers(pool, child);
  const firstAnswerMs = performance.now() - started;
  const authorization = `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`;
  return {
    pid: child.pid ?? 0,
    firstAnswerMs,
    request: async (method, path, body) => {
      const answer = await pool.request({
        path: `/api/v1/namespaces/_${path}`,
        method,
        headers: { authorization, 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 400) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
      return JSON.parse(text) as JsonObject;
    },
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      await pool.destroy();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Resident memory of a process in MB. */
export function residentMB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

async function untilAnswers(pool: Pool, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    try {
      const { statusCode, body } = await pool.request({ path: '/ping', method: 'GET' });
      await body.dump();
      if (statusCode === 200) return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
