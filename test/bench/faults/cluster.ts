import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Topology } from '../../../deploy/local/Topology.js';
import { startOwnCouch } from '../../integration/couchdb/couch.js';
import { startBrokers } from '../../integration/kafka/brokers.js';
import { newPrefix } from '../../integration/kafka/kafka.js';
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
  /** @param keepLogs leaves what the processes logged, and says where. */
  close(keepLogs?: boolean): Promise<void>;
}

/** Two controllers and two invokers, on brokers and a CouchDB of their own that can fail. */
export async function startFaultCluster(brokerCount: number): Promise<FaultCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-cluster-'));
  const [kafka, couch] = await Promise.all([startBrokers(brokerCount), startOwnCouch()]);
  const closeEngines = async (keepLogs: boolean): Promise<void> => {
    await Promise.all([kafka.close(), couch.close()]);
    if (keepLogs) console.log(`the logs of controllers and invokers are in ${folder}`);
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
      parts: { topology, brokers: kafka.brokers, couch, elect },
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
