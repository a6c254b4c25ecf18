import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../shared/logging/Logger.js';
import { openCouchStores, type CouchOptions } from '../../shared/store/couchdb/open.js';
import { installUsers, subject } from '../standalone/users.js';
import { LocalProcess } from './LocalProcess.js';
import { freePorts } from './ports.js';

export interface TopologyOptions {
  /** `host:port` of Kafka, separated by commas. */
  readonly kafkaHosts: string;
  readonly couch: CouchOptions;
  readonly controllers: number;
  readonly invokers: number;
  /** Where actions run. */
  readonly driver: 'docker' | 'sandbox' | 'process';
  /** Memory for containers of each invoker, in MB. */
  readonly userMemoryMB?: number | undefined;
  /** Invokers are told their numbers; missing: these are assigned to their names. */
  readonly numbered?: boolean | undefined;
  /** Logs of the processes go there. */
  readonly folder: string;
  /** More settings for all of them. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Controllers and invokers as processes of this machine, on a Kafka and a CouchDB that are there. */
export class Topology {
  readonly controllers: readonly LocalProcess[];
  readonly invokers: readonly LocalProcess[];
  readonly #options: TopologyOptions;

  private constructor(options: TopologyOptions, ports: readonly number[]) {
    this.#options = options;
    const environment = settings(options);
    const made = (kind: 'controller' | 'invoker', index: number, args: string[], port: number): LocalProcess =>
      new LocalProcess({
        name: `${kind}${index}`,
        main: `${kind}/main`,
        args,
        environment,
        port,
        protocol: environment[`CONFIG_whisk_${kind}_protocol`] === 'https' ? 'https' : 'http',
        logFile: join(options.folder, `${kind}${index}.log`),
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
          [...(options.numbered ? ['--id', String(index)] : []), '--uniqueName', `invoker-${index}`],
          port,
        ),
      );
  }

  /** Starts everything at once, in no particular order, and waits until every controller has every invoker up. */
  static async start(options: TopologyOptions): Promise<Topology> {
    mkdirSync(options.folder, { recursive: true });
    const topology = new Topology(options, await freePorts(options.controllers + options.invokers));
    try {
      await topology.installUsers();
      await Promise.all([...topology.controllers, ...topology.invokers].map((one) => one.start()));
      await topology.ready();
      return topology;
    } catch (error) {
      await topology.kill();
      throw error;
    }
  }

  /** Resolves once every controller has so many invokers up. */
  async ready(invokers = this.invokers.length, limitMs = 60_000): Promise<void> {
    const end = Date.now() + limitMs;
    for (const controller of this.controllers) {
      while ((await healthyInvokers(controller)) < invokers) {
        if (Date.now() > end) throw new Error(`${controller.name} does not have ${invokers} invokers up`);
        await sleep(100);
      }
    }
  }

  /** Ends everything in order, controllers first. */
  async stop(): Promise<void> {
    await Promise.all(this.controllers.map((controller) => controller.stop()));
    await Promise.all(this.invokers.map((invoker) => invoker.stop()));
  }

  async kill(): Promise<void> {
    await Promise.all([...this.controllers, ...this.invokers].map((one) => one.kill()));
  }

  /** Puts users, given by name and `uuid:key`, into the database, besides the well-known ones. */
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

async function healthyInvokers(controller: LocalProcess): Promise<number> {
  try {
    const response = await fetch(`${controller.url}/invokers/healthy/count`);
    return response.ok ? Number(await response.text()) : 0;
  } catch {
    return 0;
  }
}

/** The environment of every process. */
function settings({ kafkaHosts, couch, driver, userMemoryMB, environment }: TopologyOptions): Record<string, string> {
  return {
    KAFKA_HOSTS: kafkaHosts,
    ...couchSettings(couch),
    CONFIG_whisk_containerPool_userMemory: `${userMemoryMB ?? 2048} m`,
    CONTAINER_DRIVER: driver,
    ...environment,
  };
}

/** The settings of a CouchDB, as processes are told them. */
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
