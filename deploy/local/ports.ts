import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { at } from '../../shared/collections/at.js';
import { codeOf } from '../../shared/errors/reasons.js';

/**
 * The first port that {@link freePorts} takes: below are the ports of well-known services. `fetch` and browsers refuse some
 * of them, the last one is 10080.
 */
export const LOWEST = 10_081;
/** The first port that Linux gives to connections and to servers that ask for any port, unless the machine has another range. */
const DYNAMIC = 32_768;
const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';
/** The least number of ports to choose from. */
const MIN_RANGE = 1000;
/** How many ports are tried for each that is asked for. */
const ATTEMPTS = 100;

/**
 * Finds free ports of this machine. They are below the range from which the system takes ports by itself. So no other process
 * gets one of them by chance before its process listens, or while its process restarts.
 * @param random from 0, less than 1
 * @throws Error if too few of the ports that it tried are free
 */
export async function freePorts(
  count: number,
  random: () => number = Math.random,
  first: number = firstDynamicPort(),
): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let attempt = 0; servers.length < count; attempt++) {
      if (attempt === ATTEMPTS * count) throw new Error(`no ${count} free ports from ${LOWEST} to ${first - 1}`);
      // If the system's own range leaves no room below it, take any port.
      const port = first - LOWEST >= MIN_RANGE ? LOWEST + Math.floor(random() * (first - LOWEST)) : 0;
      const server = await listening(port);
      if (server !== undefined) servers.push(server);
    }
    return servers.map(portOf);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** The first port of the range from which the system takes ports by itself. @param file of Linux; others lack it */
export function firstDynamicPort(file = RANGE_FILE): number {
  try {
    const [first] = /^\d+/.exec(readFileSync(file, 'utf8')) ?? [];
    return first === undefined ? DYNAMIC : Number(first);
  } catch {
    return DYNAMIC;
  }
}

/** A server on a port, or undefined if it is taken. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' || codeOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** The port on which a server listens. @throws Error if it does not */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/** Finds a free port of this machine, as {@link freePorts} does. */
export async function freePort(): Promise<number> {
  return at(await freePorts(1), 0);
}

/** The limit for a connection, in ms: the backlog of a frozen process may be full. */
const CONNECT_MS = 2000;

/** Whether a process listens on a port of this machine. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_MS, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
