import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { Topology } from '../../deploy/local/Topology.js';
import { WELL_KNOWN_USERS } from '../../deploy/standalone/users.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { startCouch } from '../integration/couchdb/couch.js';
import { LIKE_IN_PRODUCTION } from '../integration/kafka/broker.js';
import { newPrefix, startKafka } from '../integration/kafka/kafka.js';
import { freePort } from '../../deploy/local/ports.js';
import { benchGuard } from './guard.js';

const STANDALONE = fileURLToPath(new URL('../../deploy/standalone/main.js', import.meta.url));

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** What a process keeps in memory, in MB. */
export interface ResidentMemory {
  readonly total: number;
  /** That part of it which is files: the executable, and the embedded store's. The system takes it back where it is short. */
  readonly files: number;
}

/** An installation under measurement. */
export interface BenchServer {
  /** The address of the API, without a path. */
  readonly url: string;
  /** From the start to the first answer, in ms. */
  readonly firstAnswerMs: number;
  /** Resident memory of its processes by name. */
  memory(): Record<string, ResidentMemory>;
  /** The processor time of its processes since their start, in ms. */
  processorMs(): number;
  /** @param expected a status of failure that is the right answer here */
  request(method: Method, path: string, body?: Json, expected?: number): Promise<JsonObject>;
  /** The same, for a user with the key `uuid:key`. */
  requestAs(key: string, method: Method, path: string, body?: Json): Promise<JsonObject>;
  /** Kafka's brokers and the prefix of topics; missing: the server has a bus of its own. */
  readonly kafka?: { readonly hosts: string; readonly prefix: string } | undefined;
  stop(): Promise<void>;
}

/** How a standalone server is started, where it differs from `npm start`. */
export interface StandaloneStart {
  /** The compiled program; missing: that of this tree. */
  readonly main?: string | undefined;
  /** Options of Node.js; missing: those of `npm start`. */
  readonly node?: readonly string[] | undefined;
  /** More environment variables. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Starts a standalone server on a free port with a data folder of its own, and waits for its first answer. */
export async function startStandalone(
  options: readonly string[],
  { main = STANDALONE, node = ['--max-semi-space-size=16'], environment = {} }: StandaloneStart = {},
): Promise<BenchServer> {
  const { guardian, folder } = benchGuard();
  const port = await freePort();
  const data = mkdtempSync(join(folder, 'data-'));
  const started = performance.now();
  const child = spawn(
    process.execPath,
    [...node, main, '--port', String(port), '--data', data, '--log-level', 'warn', ...options],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...environment } },
  );
  const { pid } = child;
  if (pid !== undefined) {
    guardian.add(pid);
    child.once('exit', () => guardian.remove(pid));
  }
  const url = `http://127.0.0.1:${port}`;
  const client = new ApiClient(url);
  await untilAnswers(client, child);
  return {
    url,
    firstAnswerMs: performance.now() - started,
    memory: () => ({ standalone: residentMemory(child.pid ?? 0) }),
    processorMs: () => processorMs(child.pid ?? 0),
    request: client.request.bind(client),
    requestAs: client.requestAs.bind(client),
    stop: async () => {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await exited;
      await client.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export interface DistributedOptions {
  readonly driver?: 'docker' | 'process' | undefined;
  readonly userMemoryMB?: number | undefined;
  /** More users: their names, and their keys as `uuid:key`. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** More settings for both processes. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Starts a controller and an invoker as processes, on a Kafka broker and a CouchDB (`KAFKA_HOSTS`, `COUCHDB_URL`, or the tests'). */
export async function startDistributed(options: DistributedOptions = {}): Promise<BenchServer> {
  const { guardian, folder: guarded } = benchGuard();
  const folder = mkdtempSync(join(guarded, 'run-'));
  const [kafka, couch] = await Promise.all([startKafka(newPrefix(), LIKE_IN_PRODUCTION), startCouch()]);
  const started = performance.now();
  const topology = await Topology.start({
    kafkaHosts: kafka.hosts,
    couch: couch.options('bench_'),
    controllers: 1,
    invokers: 1,
    driver: options.driver ?? 'docker',
    userMemoryMB: options.userMemoryMB ?? 4096,
    folder,
    guards: guardian,
    environment: {
      LIMITS_ACTIONS_INVOKES_PERMINUTE: '10000000',
      LIMITS_ACTIONS_INVOKES_CONCURRENT: '1000',
      CONFIG_logback_log_level: 'WARN',
      CONFIG_whisk_kafka_topics_prefix: kafka.prefix,
      ...options.environment,
    },
  });
  if (options.users) await topology.installUsers(options.users);
  const firstAnswerMs = performance.now() - started;
  const [controller] = topology.controllers;
  if (!controller) throw new Error('there is no controller');
  const client = new ApiClient(controller.url);
  return {
    url: controller.url,
    firstAnswerMs,
    memory: () =>
      Object.fromEntries(
        [...topology.controllers, ...topology.invokers].map(({ name, pid }) => [name, residentMemory(pid ?? 0)]),
      ),
    processorMs: () =>
      [...topology.controllers, ...topology.invokers].reduce((sum, { pid }) => sum + processorMs(pid ?? 0), 0),
    request: client.request.bind(client),
    requestAs: client.requestAs.bind(client),
    kafka: { hosts: kafka.hosts, prefix: kafka.prefix },
    stop: async () => {
      await topology.stop();
      await client.close();
      await couch.close();
      await kafka.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Calls the API, as the user guest unless told otherwise. */
class ApiClient {
  readonly #pool: Pool;

  constructor(base: string) {
    this.#pool = new Pool(base, { connections: 64 });
  }

  /** Whether the server answers. */
  async ping(): Promise<boolean> {
    try {
      const { statusCode, body } = await this.#pool.request({ path: '/ping', method: 'GET' });
      await body.dump();
      return statusCode === 200;
    } catch {
      return false;
    }
  }

  request(method: Method, path: string, body?: Json, expected?: number): Promise<JsonObject> {
    return this.requestAs(WELL_KNOWN_USERS.guest, method, path, body, expected);
  }

  async requestAs(key: string, method: Method, path: string, body?: Json, expected?: number): Promise<JsonObject> {
    const answer = await this.#pool.request({
      path: `/api/v1/namespaces/_${path}`,
      method,
      headers: { authorization: `Basic ${Buffer.from(key).toString('base64')}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 400 && answer.statusCode !== expected) {
      throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
    }
    return JSON.parse(text) as JsonObject;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

function residentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  return { total: megabytes('VmRSS'), files: megabytes('RssFile') };
}

function processorMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  // In ns; that of the threads that have ended is missing.
  const ofThread = (id: string): number => Number(readFileSync(`${tasks}/${id}/schedstat`, 'utf8').split(' ')[0]);
  return readdirSync(tasks).reduce((sum, id) => sum + ofThread(id), 0) / 1e6;
}

async function untilAnswers(client: ApiClient, child: ChildProcess): Promise<void> {
  while (!(await client.ping())) {
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
