import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopback } from '../../shared/access/caller.js';
import { buffer } from 'node:stream/consumers';

/** One address in front of several controllers, as a proxy gives them. */
export interface Front {
  readonly base: string;
  readonly port: number;
  /** From now on requests go to these, in turns. */
  forwardTo(controllers: readonly string[]): void;
  close(): void;
}

/**
 * It has its address before there are controllers, so that these can be told.
 * @param gateway an address besides 127.0.0.1, from which containers come.
 * @throws what listening fails with.
 */
export async function startFront(port = 0, gateway?: string): Promise<Front> {
  let targets: URL[] = [];
  let turn = 0;
  const listener: RequestListener = (incoming, outgoing) => {
    const target = targets[turn++ % targets.length];
    if (target) void forward(target, incoming, outgoing);
    else outgoing.writeHead(502).end();
  };
  const open = async (place: { port: number; host: string }) => {
    const server = createServer(listener).listen(place);
    await once(server, 'listening');
    return server;
  };
  const server = await open({ port, host: '127.0.0.1' });
  const taken = (server.address() as AddressInfo).port;
  const servers = [server, ...(gateway === undefined ? [] : [await open({ port: taken, host: gateway })])];
  return {
    base: `http://127.0.0.1:${taken}`,
    port: taken,
    forwardTo(controllers) {
      targets = controllers.map((url) => new URL(url));
    },
    close() {
      for (const one of servers) {
        one.close();
        one.closeAllConnections();
      }
    },
  };
}

/** A request goes on once the whole of it is there, as behind nginx. */
async function forward({ hostname, port }: URL, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = await buffer(incoming);
  const { method, url, headers: received, socket } = incoming;
  // The controllers take this proxy for the client, unless it says who that is.
  const from = socket.remoteAddress ?? 'unknown';
  const headers = isLoopback(from)
    ? received
    : { ...received, 'x-forwarded-for': [received['x-forwarded-for'], from].flat().filter(Boolean).join(', ') };
  const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.headersSent || outgoing.writeHead(502).end());
  passed.end(body);
}
