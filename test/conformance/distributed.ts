import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startTopology } from '../integration/distributed/cluster.js';
import type { TestServer } from './server.js';

/** Two controllers and two invokers as processes, over Kafka and CouchDB, behind one address: requests take turns. */
export async function distributedServer(): Promise<TestServer> {
  const installation = await startTopology();
  const targets = installation.topology.controllers.map(({ url }) => new URL(url));
  let turn = 0;
  const front = createServer((incoming, outgoing) => {
    const target = targets[turn++ % targets.length];
    if (target) void forward(target, incoming, outgoing);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const { port } = front.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    async stop() {
      front.close();
      front.closeAllConnections();
      await installation.close();
    },
  };
}

/** A request goes on once the whole of it is there, as behind nginx. */
async function forward({ hostname, port }: URL, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = await buffer(incoming);
  const { method, url, headers } = incoming;
  const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.headersSent || outgoing.writeHead(502).end());
  passed.end(body);
}
