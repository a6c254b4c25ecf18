import { startTopology } from '../integration/distributed/cluster.js';
import { startFront } from '../../deploy/local/Front.js';
import type { TestServer } from './server.js';

/** Two controllers and two invokers as processes, over Kafka and CouchDB, behind one address: requests take turns. */
export async function distributedServer(): Promise<TestServer> {
  const installation = await startTopology();
  const front = await startFront();
  front.forwardTo(installation.topology.controllers.map(({ url }) => url));
  return {
    base: front.base,
    async stop() {
      front.close();
      await installation.close();
    },
  };
}
