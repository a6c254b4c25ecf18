import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { Topology, type TopologyOptions } from '../../../deploy/local/Topology.js';
import type { CouchOptions } from '../../../shared/store/couchdb/open.js';
import { startOwnCouch, startCouch, type Couch, type OwnCouch } from '../couchdb/couch.js';
import { startBroker, type Broker } from '../kafka/broker.js';
import { newPrefix, startKafka, type TestKafka } from '../kafka/kafka.js';

/** Controllers and invokers as processes, with a broker and a CouchDB of their own, which can fail too. */
export interface Cluster {
  readonly topology: Topology;
  readonly broker: Broker;
  readonly couch: OwnCouch;
  /** Where the processes' logs are. */
  readonly folder: string;
  close(): Promise<void>;
}

type Choices = Partial<
  Pick<
    TopologyOptions,
    'controllers' | 'invokers' | 'numbered' | 'driver' | 'environment' | 'invokerEnvironment' | 'userMemoryMB'
  >
>;

/** Users meet no rate limit in tests, and a list waits for the newest records, also where the machine is busy. */
const GENEROUS = {
  CONFIG_whisk_couchdb_listWait: '1 minute',
  LIMITS_ACTIONS_INVOKES_PERMINUTE: '1000000',
  LIMITS_ACTIONS_INVOKES_CONCURRENT: '1000',
  LIMITS_TRIGGERS_FIRES_PERMINUTE: '1000000',
};

export async function startCluster(choices: Choices = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-cluster-'));
  const [broker, couch] = await Promise.all([startBroker(), startOwnCouch()]);
  const closeAll = async (topology?: Topology): Promise<void> => {
    await topology?.stop();
    await Promise.all([broker.close(), couch.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const topology = await Topology.start(
      options(choices, folder, { hosts: broker.hosts, prefix: newPrefix() }, couch),
    );
    return { topology, broker, couch, folder, close: () => closeAll(topology) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** An invoker is down when it says so. On a busy machine, its pings may be late by more than the 10 s of an installation. */
const PATIENT = { CONFIG_whisk_loadbalancer_invokerOffline: '2 minutes' };

/** The same on the Kafka of `KAFKA_HOSTS` and the CouchDB of `COUCHDB_URL`, where they are given. */
export async function startTopology(
  choices: Choices = {},
): Promise<{ topology: Topology; couch: CouchOptions; folder: string; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-cluster-'));
  const [kafka, couch] = await Promise.all([startKafka(), startCouch()]);
  const closeAll = async (topology?: Topology): Promise<void> => {
    await topology?.stop();
    await Promise.all([kafka.close(), couch.close()]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const environment = { ...PATIENT, ...choices.environment };
    const chosen = options({ ...choices, environment }, folder, kafka, couch);
    const topology = await Topology.start(chosen);
    return { topology, couch: chosen.couch, folder, close: () => closeAll(topology) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function options(
  choices: Choices,
  folder: string,
  { hosts, prefix }: Pick<TestKafka, 'hosts' | 'prefix'>,
  couch: Couch,
): TopologyOptions {
  return {
    controllers: 2,
    invokers: 2,
    driver: 'process',
    ...choices,
    folder,
    kafkaHosts: hosts,
    couch: couch.options(),
    environment: {
      ...GENEROUS,
      CONFIG_whisk_kafka_topics_prefix: prefix,
      CONFIG_whisk_kafka_topics_userEvent_prefix: prefix,
      ...choices.environment,
    },
  };
}

/** A request of the user `guest`, or of the one with another key. */
export async function request(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  key: string = WELL_KNOWN_USERS.guest,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${base}/api/v1/namespaces/_/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(key).toString('base64')}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

export const nodeAction = (code: string, limits: Record<string, number> = {}) => ({
  exec: { kind: 'nodejs:default', code },
  limits,
});
