import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One address in front of several controllers, as a proxy gives them. */
export interface Front {
  readonly base: string;
  readonly port: number;
  /** From now on requests go to these, in turns. */
  forwardTo(controllers: readonly string[]): void;
  close(): void;
}

/** It has its address before there are controllers, so that these can be told. */
export async function startFront(): Promise<Front> {
  let targets: URL[] = [];
  let turn = 0;
  const server = createServer((incoming, outgoing) => {
    const target = targets[turn++ % targets.length];
    if (target) void forward(target, incoming, outgoing);
    else outgoing.writeHead(502).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    base: `http://127.0.0.1:${port}`,
    port,
    forwardTo(controllers) {
      targets = controllers.map((url) => new URL(url));
    },
    close() {
      server.close();
      server.closeAllConnections();
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
