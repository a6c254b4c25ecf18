import { chmodSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The most connections that wait for the worker. */
const MAX_WAITING = 1000;

/** A TCP address; port 0 at first: any free one. */
export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Accepts the first connections for a worker that does not run yet, and passes them on to it. Afterwards the worker
 * listens at the same addresses itself.
 */
export class FrontDoor {
  readonly #waiting = new Set<Socket>();
  readonly #servers: { readonly unix: Server; readonly tcp: Server | undefined };
  readonly #onConnection: () => void;
  /** The TCP address; undefined if it listens at a path only. */
  tcp: TcpAddress | undefined;
  /** The path of the server that gets the connections; undefined while they wait. */
  #target: string | undefined;

  private constructor(tcp: TcpAddress | undefined, onConnection: () => void) {
    this.#onConnection = onConnection;
    this.tcp = tcp;
    this.#servers = { unix: this.#server(), tcp: tcp && this.#server() };
  }

  /**
   * Listens at a path and at an address. Calls `onConnection` for each connection.
   * @throws the error of `listen`
   */
  static async open(path: string, tcp: TcpAddress | undefined, onConnection: () => void): Promise<FrontDoor> {
    const door = new FrontDoor(tcp, onConnection);
    try {
      await door.#listen(path);
    } catch (error) {
      door.close();
      throw error;
    }
    return door;
  }

  /**
   * Passes the waiting connections on to the server at a path. Resolves once it does not listen any more, so that
   * another server can take the TCP address.
   */
  async passOn(path: string): Promise<void> {
    this.#target = path;
    for (const socket of this.#waiting) passOn(socket, path);
    this.#waiting.clear();
    // Connections that have just arrived are not accepted yet.
    await nextTurn();
    await nextTurn();
    this.close();
  }

  /** Stops to listen, and ends the waiting connections. */
  close(): void {
    this.#servers.unix.close();
    this.#servers.tcp?.close();
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting.clear();
  }

  async #listen(path: string): Promise<void> {
    const { unix, tcp } = this.#servers;
    // The server removes its own path when it is closed: the worker has the public one then.
    const own = `${path}.door`;
    rmSync(own, { force: true });
    await listen(unix, { path: own });
    chmodSync(own, 0o666);
    renameSync(own, path);
    if (!tcp || !this.tcp) return;
    await listen(tcp, this.tcp);
    const address = tcp.address();
    if (typeof address === 'object' && address) this.tcp = { host: this.tcp.host, port: address.port };
  }

  #server(): Server {
    return createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) => {
      if (this.#target !== undefined) {
        passOn(socket, this.#target);
      } else if (this.#waiting.size >= MAX_WAITING) {
        socket.destroy();
      } else {
        this.#waiting.add(socket);
        socket.on('error', () => this.#waiting.delete(socket));
        this.#onConnection();
      }
    });
  }
}

function listen(server: Server, address: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(address, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}

/** Connects a socket to the server at a path, in both directions. The end of one ends the other. */
function passOn(outer: Socket, path: string): void {
  const inner = connect({ path, allowHalfOpen: true });
  const end = (): void => {
    outer.destroy();
    inner.destroy();
  };
  outer.on('error', end).on('close', end);
  inner.on('error', end).on('close', end);
  outer.pipe(inner);
  inner.pipe(outer);
}
