import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The longest wait of a connection for a server that is starting, in ms. */
const EARLY_MS = 60_000;

/** Takes connections over. */
export interface Taker {
  /** Whether it answers at the moment. The others get its turns meanwhile. */
  readonly answers: boolean;
  take(socket: Socket): void;
}

/** Accepts connections and hands them out in turns, without reading from them. */
export class Acceptor {
  readonly #servers: Server[] = [];
  readonly #maxConnections: number | undefined;
  /** Connections that arrived before the takers, with the timers that close them. */
  readonly #early = new Map<Socket, NodeJS.Timeout>();
  #takers: readonly Taker[] = [];
  #turn = 0;

  readonly #earlyMs: number;

  /**
   * @param maxConnections the most connections that wait for the takers.
   * @param earlyMs the longest wait of each, in ms.
   */
  constructor(maxConnections?: number, earlyMs = EARLY_MS) {
    this.#maxConnections = maxConnections;
    this.#earlyMs = earlyMs;
  }

  /**
   * Listens at an address; may be called again for further addresses. Port 0: any free port.
   * @throws the error of `listen`.
   */
  async listen(port: number, host: string): Promise<AddressInfo> {
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#take(socket));
    this.#servers.push(server);
    if (this.#maxConnections !== undefined) server.maxConnections = this.#maxConnections;
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error(`no port is open on ${host}`);
    return address;
  }

  /** Hands out the connections that wait and all to come. */
  handTo(takers: readonly Taker[]): void {
    this.#takers = takers;
    for (const [socket, timer] of this.#early) {
      clearTimeout(timer);
      this.#hand(socket);
    }
    this.#early.clear();
  }

  /** Takes no more connections. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const [socket, timer] of this.#early) {
      clearTimeout(timer);
      socket.destroy();
    }
    this.#early.clear();
  }

  #take(socket: Socket): void {
    if (this.#takers.length > 0) {
      this.#hand(socket);
      return;
    }
    const timer = setTimeout(() => {
      this.#early.delete(socket);
      socket.destroy();
    }, this.#earlyMs);
    this.#early.set(socket, timer);
    socket.on('error', () => undefined);
  }

  #hand(socket: Socket): void {
    const next = this.#takers[this.#turn++ % this.#takers.length];
    const taker = next?.answers === true ? next : (this.#takers.find(({ answers }) => answers) ?? next);
    taker?.take(socket);
  }
}
