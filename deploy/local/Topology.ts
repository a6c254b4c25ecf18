import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../shared/logging/Logger.js';
import { openCouchStores, type CouchOptions } from '../../shared/store/couchdb/open.js';
import { installUsers, subject } from '../standalone/users.js';
import { LocalProcess, START_MS, STOP_MS } from './LocalProcess.js';
import { freePorts } from './ports.js';
import type { Guards } from './RunGuardian.js';
import { waiting } from './waits.js';

export interface TopologyOptions {
  /** Kafka's brokers as `host:port`, separated by commas. */
  readonly kafkaHosts: string;
  readonly couch: CouchOptions;
  readonly controllers: number;
  readonly invokers: number;
  /** Where actions run. */
  readonly driver: 'docker' | 'oci' | 'sandbox' | 'process';
  /** The memory for containers of each invoker, in MB. */
  readonly userMemoryMB?: number | undefined;
  /** Whether invokers get their numbers on the command line; missing: CouchDB assigns the numbers to their names. */
  readonly numbered?: boolean | undefined;
  /** The folder of the processes' logs. */
  readonly folder: string;
  /** Additional environment variables for all processes. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Additional environment variables of one invoker, by its index. */
  readonly invokerEnvironment?: ((index: number) => Readonly<Record<string, string>>) | undefined;
  /** Guards the processes while they run. */
  readonly guards?: Guards | undefined;
  /** Prints a line for the user about each wait; missing: prints nothing. */
  readonly say?: ((line: string) => void) | undefined;
}

/**
 * The limit for CouchDB, and the limit until every controller has every invoker up after all processes answer, in ms.
 */
const USERS_MS = 60_000;
const READY_MS = 120_000;
const ANSWER_MS = 2000;

/** Controllers and invokers as processes of this machine, on an existing Kafka and CouchDB. */
export class Topology {
  readonly controllers: readonly LocalProcess[];
  readonly invokers: readonly LocalProcess[];
  readonly #options: TopologyOptions;
  readonly #say: (line: string) => void;

  private constructor(options: TopologyOptions, ports: readonly number[]) {
    this.#options = options;
    this.#say = options.say ?? (() => undefined);
    const environment = settings(options);
    const made = (kind: 'controller' | 'invoker', index: number, args: string[], port: number): LocalProcess =>
      new LocalProcess({
        name: `${kind}${index}`,
        main: `${kind}/main`,
        args,
        environment: kind === 'invoker' ? { ...environment, ...options.invokerEnvironment?.(index) } : environment,
        port,
        protocol: environment[`CONFIG_whisk_${kind}_protocol`] === 'https' ? 'https' : 'http',
        logFile: join(options.folder, `${kind}${index}.log`),
        guards: options.guards,
      });
    this.controllers = ports
      .slice(0, options.controllers)
      .map((port, index) => made('controller', index, [String(index)], port));
    this.invokers = ports
      .slice(options.controllers)
      .map((port, index) =>
        made(
          'invoker',
          index,
          [...(options.numbered ? ['--id', String(index)] : []), '--uniqueName', uniqueName(index)],
          port,
        ),
      );
  }

  /** Starts all processes at once, and waits until every controller has every invoker up. */
  static async start(options: TopologyOptions): Promise<Topology> {
    mkdirSync(options.folder, { recursive: true });
    const topology = new Topology(options, await freePorts(options.controllers + options.invokers));
    try {
      await topology.#opened();
      await topology.ready();
      return topology;
    } catch (error) {
      await topology.kill();
      throw error;
    }
  }

  get #all(): LocalProcess[] {
    return [...this.controllers, ...this.invokers];
  }

  async #opened(): Promise<void> {
    const say = this.#say;
    await waiting({ what: 'CouchDB to take the users', limitMs: USERS_MS, say }, this.installUsers());
    const silent = new Set(this.#all);
    const starts = this.#all.map(async (one) => {
      await one.start(START_MS);
      silent.delete(one);
    });
    const detail = (): string => `not yet ${named([...silent])}${lastWords([...silent])}`;
    // Each process has the same limit, and its own error with the end of its log.
    const what = `${named(this.#all)} to answer`;
    await waiting({ what, limitMs: START_MS + ANSWER_MS + 1000, say, detail }, Promise.all(starts));
  }

  /** Resolves once every controller has this number of invokers up. @throws WaitError after `limitMs`. */
  async ready(invokers = this.invokers.length, limitMs = READY_MS): Promise<void> {
    const over = new AbortController();
    const counts = new Map<string, number>();
    const all = this.controllers.map(async (controller) => {
      for (let count = -1; count < invokers && !over.signal.aborted; await sleep(100)) {
        count = await healthyInvokers(controller);
        counts.set(controller.name, count);
        if (count >= invokers) return;
      }
    });
    const detail = (): string => [...counts].map(([name, count]) => `${name} has ${count}`).join(', ');
    const what = `${named(this.controllers)} to have ${invokers} invokers up`;
    try {
      await waiting({ what, limitMs, say: this.#say, detail }, Promise.all(all));
    } finally {
      over.abort();
    }
  }

  /** Stops all processes gracefully, the controllers first. Kills a process after its limit. */
  async stop(): Promise<void> {
    for (const parts of [this.controllers, this.invokers]) {
      const what = `${named(parts)} to finish what they run`;
      const stopped = Promise.all(parts.map((part) => part.stop(STOP_MS)));
      await waiting({ what, limitMs: STOP_MS + 15_000, say: this.#say }, stopped);
    }
  }

  async kill(): Promise<void> {
    await Promise.all(this.#all.map((one) => one.kill()));
  }

  /** Writes the well-known users and additional `users` (`uuid:key` by name) to the database. */
  async installUsers(users: Readonly<Record<string, string>> = {}): Promise<void> {
    const stores = await openCouchStores(this.#options.couch, silentLogger);
    try {
      const more = Object.entries(users).map(([name, key]) => subject(name, key));
      await installUsers(stores.subjects, more);
    } finally {
      await stores.close();
    }
  }
}

/** The unique name of an invoker, which determines its number. */
export const uniqueName = (index: number): string => `invoker-${index}`;

const named = (parts: readonly LocalProcess[]): string => parts.map(({ name }) => name).join(', ');

/** The last log line of the first process. */
function lastWords([first]: readonly LocalProcess[]): string {
  // Omit the time, the level and the transaction.
  const line = first?.lastLine().replace(/^(?:\[[^\]]*\] )+/, '') ?? '';
  return line === '' ? '' : `, whose last line is: ${line.slice(0, 120)}`;
}

async function healthyInvokers(controller: LocalProcess): Promise<number> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${controller.url}/invokers/healthy/count`, { signal });
    return response.ok ? Number(await response.text()) : 0;
  } catch {
    return 0;
  }
}

/** The environment variables of all processes. */
function settings(options: TopologyOptions): Record<string, string> {
  const { kafkaHosts, couch, driver, userMemoryMB, environment, folder } = options;
  return {
    INVOKER_STATE_FOLDER: join(folder, 'state'),
    KAFKA_HOSTS: kafkaHosts,
    ...couchSettings(couch),
    CONFIG_whisk_containerPool_userMemory: `${userMemoryMB ?? 2048} m`,
    CONTAINER_DRIVER: driver,
    ...environment,
  };
}

/** The environment variables for a CouchDB. */
export function couchSettings({ url, username, password, databases }: CouchOptions): Record<string, string> {
  const { protocol, hostname, port } = new URL(url);
  return {
    CONFIG_whisk_couchdb_protocol: protocol.slice(0, -1),
    CONFIG_whisk_couchdb_host: hostname,
    CONFIG_whisk_couchdb_port: port === '' ? (protocol === 'https:' ? '443' : '80') : port,
    CONFIG_whisk_couchdb_username: username ?? '',
    CONFIG_whisk_couchdb_password: password ?? '',
    CONFIG_whisk_couchdb_databases_WhiskEntity: databases.whisks,
    CONFIG_whisk_couchdb_databases_WhiskActivation: databases.activations,
    CONFIG_whisk_couchdb_databases_WhiskAuth: databases.subjects,
  };
}
