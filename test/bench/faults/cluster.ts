import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { Guards } from '../../../deploy/local/RunGuardian.js';
import { Topology } from '../../../deploy/local/Topology.js';
import { CouchClient } from '../../../shared/store/couchdb/CouchClient.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { foreignCouch, startOwnCouch, type Couch, type OwnCouch } from '../../integration/couchdb/couch.js';
import { optionsOf } from '../../integration/couchdb/OwnCouch.js';
import { shareKafkaClasses } from '../../integration/kafka/broker.js';
import { startBrokers } from '../../integration/kafka/brokers.js';
import { newPrefix } from '../../integration/kafka/kafka.js';
import { keep } from './guard.js';
import { OptionError, type CouchChoice } from './options.js';
import { Rejoins } from './Rejoins.js';
import type { Parts } from './trials.js';

/**
 * An activation without an acknowledgement is given up after 2 minutes instead of 3, so that a trial need not wait so
 * long. That is longer than a part is away in any trial, on a busy machine too: what a part finds when it is back must run.
 */
const IMPATIENT = {
  CONFIG_whisk_timeLimit_std: '10 s',
  CONFIG_whisk_timeLimit_max: '20 s',
  CONFIG_whisk_loadbalancer_timeoutFactor: '1',
  CONFIG_whisk_loadbalancer_timeoutAddon: '110 s',
};
/** The load is the trial's, not the limits'. */
const UNLIMITED = {
  LIMITS_ACTIONS_INVOKES_PERMINUTE: '1000000',
  LIMITS_ACTIONS_INVOKES_CONCURRENT: '10000',
};

export interface FaultCluster {
  readonly parts: Parts;
  readonly rejoins: Rejoins;
  /** @param keepLogs leaves what the processes logged, and says where. */
  close(keepLogs?: boolean): Promise<void>;
}

/** Two controllers and two invokers, on brokers of their own that can fail, and on a CouchDB that can fail if it is their own. */
export async function startFaultCluster(
  brokerCount: number,
  choice: CouchChoice = { kind: 'stand-in' },
  lossy = false,
  guards?: Guards,
): Promise<FaultCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-cluster-'));
  // Without the shared classes a start only takes longer.
  await shareKafkaClasses().catch((error: unknown) => console.error(messageOf(error)));
  const [kafka, [couch, ownCouch]] = await Promise.all([startBrokers(brokerCount, lossy), startCouchOf(choice)]);
  const closeEngines = async (keepLogs: boolean): Promise<void> => {
    await Promise.all([kafka.close(), couch.close()]);
    if (keepLogs) console.error(`the logs of controllers and invokers are in ${keep(folder)}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  try {
    const topology = await Topology.start({
      controllers: 2,
      invokers: 2,
      driver: 'process',
      folder,
      kafkaHosts: kafka.hosts,
      couch: couch.options(),
      guards,
      environment: {
        ...UNLIMITED,
        ...IMPATIENT,
        CONFIG_whisk_kafka_replicationFactor: String(brokerCount),
        // Another cluster on this machine would remove the containers of invokers with the same number and prefix.
        CONFIG_whisk_kafka_topics_prefix: newPrefix(),
      },
    });
    const elect = brokerCount > 1 ? () => kafka.elect() : undefined;
    return {
      parts: { topology, brokers: kafka.brokers, proxies: kafka.proxies, couch: ownCouch, elect },
      rejoins: new Rejoins(folder),
      close: async (keepLogs = false) => {
        // What a failed round left frozen would hold up its own end.
        await (keepLogs ? topology.kill() : topology.stop());
        await closeEngines(keepLogs);
      },
    };
  } catch (error) {
    await closeEngines(true);
    throw error;
  }
}

/** The CouchDB, and the same where the trials may kill it. */
async function startCouchOf(choice: CouchChoice): Promise<[Couch, OwnCouch | undefined]> {
  if (choice.kind === 'running') {
    const couch = foreignCouch(choice.url);
    const close = async (): Promise<void> => {
      await couch.close();
      foreign.delete(close);
    };
    foreign.add(close);
    return [{ url: couch.url, options: (prefix) => couch.options(prefix), close }, undefined];
  }
  const own = await startOwnCouch(choice.kind === 'installed' ? choice.home : '');
  return [own, own];
}

const foreign = new Set<() => Promise<void>>();

/** Removes the databases of all clusters that are not closed from a CouchDB that is not their own: for an end by a signal. */
export async function removeForeignDatabases(): Promise<void> {
  await Promise.all([...foreign].map((close) => close()));
}

/** @throws OptionError where a running CouchDB does not answer, or does not take the name and the password of an administrator. */
export async function checkCouch(choice: CouchChoice): Promise<void> {
  if (choice.kind !== 'running') return;
  const { databases: _, ...connection } = optionsOf(choice.url);
  const client = new CouchClient({ ...connection, timeoutMs: CHECK_MS });
  try {
    const { userCtx } = SESSION.parse(await client.json({ path: '_session' }));
    if (!userCtx.roles.includes('_admin')) throw new Error(`${connection.username} is not its administrator`);
  } catch (error) {
    throw new OptionError(`the CouchDB at ${connection.url} cannot be used: ${messageOf(error)}`);
  } finally {
    await client.close();
  }
}

const CHECK_MS = 10_000;
const SESSION = z.object({ userCtx: z.object({ roles: z.array(z.string()) }) });
