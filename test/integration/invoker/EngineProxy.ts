import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What the proxy does with a request, by its first line (`DELETE /containers/ID?force=true HTTP/1.1`). */
export type Treatment =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly until: Promise<void> }
  /** The engine gets the request, and the connection breaks before it has answered. */
  | { readonly kind: 'cutOff' };

const PASS: Treatment = { kind: 'pass' };

/** Stands between a Docker client and the engine's socket, and makes trouble. */
export class EngineProxy {
  /** May be replaced at any time. */
  treat: (line: string) => Treatment = () => PASS;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(enginePath: string) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client, enginePath));
  }

  static async start(enginePath: string): Promise<EngineProxy> {
    const proxy = new EngineProxy(enginePath);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(client: Socket, enginePath: string): void {
    const engine = createConnection({ path: enginePath, allowHalfOpen: true });
    for (const socket of [client, engine]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    }
    client.once('close', () => engine.destroy());
    let cutOff = false;
    engine.on('data', (chunk: Buffer) => {
      if (cutOff) client.destroy();
      else client.write(chunk);
    });
    engine.once('end', () => client.end()).once('close', () => client.destroy());
    // Chunks go on in their order, each once it may.
    let order = Promise.resolve();
    const forward = async (chunk: Buffer): Promise<void> => {
      const [line] = chunk.toString('latin1').split('\r\n', 1);
      const treatment = line !== undefined && REQUEST.test(line) ? this.treat(line) : PASS;
      if (treatment.kind === 'cutOff') cutOff = true;
      if (treatment.kind === 'delay') await treatment.until;
      engine.write(chunk);
    };
    client.on('data', (chunk: Buffer) => {
      order = order.then(() => forward(chunk));
    });
    client.once('end', () => {
      order = order.then(() => void engine.end());
    });
  }
}

const REQUEST = /^[A-Z]+ \/\S* HTTP\/1\.1$/;
