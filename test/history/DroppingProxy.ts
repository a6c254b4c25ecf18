import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy that can drop all that passes, or only the answers, without closing a connection. */
export class DroppingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly port: number;
  #dropping: 'nothing' | 'everything' | 'answers' = 'nothing';

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(target: () => { readonly host: string; readonly port: number }): Promise<DroppingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new DroppingProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (outer: Socket) => {
      const inner = connect(target());
      for (const [from, to, dropped] of [
        [outer, inner, ['everything']],
        [inner, outer, ['everything', 'answers']],
      ] as const) {
        from.setNoDelay(true);
        proxy.#sockets.add(from);
        from.on('data', (chunk) => {
          if (!dropped.some((dropping) => dropping === proxy.#dropping)) to.write(chunk);
        });
        from.on('error', () => undefined);
        from.on('close', () => {
          proxy.#sockets.delete(from);
          // A partition hides the end of a connection, too.
          if (proxy.#dropping === 'nothing') to.destroy();
        });
      }
    });
    return proxy;
  }

  drop(): void {
    this.#dropping = 'everything';
  }

  /** Requests arrive, and their answers are lost. */
  dropAnswers(): void {
    this.#dropping = 'answers';
  }

  /** Passes new connections again. Those that lost bytes end. */
  heal(): void {
    this.#dropping = 'nothing';
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
