import { createRequire } from 'node:module';

/**
 * Patches how a connection of kafkajs 2.2.4 connects again. It outlives its sockets, and has three faults then:
 *   - It keeps the first part of a response whose rest was lost with a socket, and takes what the next socket brings for that rest.
 *     From then on it reads no response right. Each request fails at its time limit, and kafkajs repeats it on the same
 *     connection without an end. If it is the connection for fetches, the consumer gets no messages while its heartbeats, which
 *     have a connection of their own, get their answers.
 *   - It still listens to its former sockets. The end of one ends the requests of the current one, whose end then ends those of the
 *     next, without an end, and late bytes count as part of a response. Several requests may also connect it at once, each with a
 *     socket of its own.
 *   - An attempt whose socket the broker closes before TLS is ready has no result, not even at its time limit.
 * With the patch, requests share an attempt to connect. It begins without the former socket and its bytes, and fails if its socket
 * closes.
 */
export function connectAfresh(): void {
  const loaded: unknown = createRequire(import.meta.url)('kafkajs/src/network/connection.js');
  if (!hasConnect(loaded)) return;
  const { prototype } = loaded;
  const { connect } = prototype;
  if (connect.beginsAfresh === true) return;
  const pending = new WeakMap<Connection, Promise<unknown>>();
  const fresh: Connect = function () {
    if (this.isConnected()) return Promise.resolve(true);
    const current = pending.get(this);
    if (current) return current;
    forget(this);
    const connected = new Promise((resolve, reject) => {
      connect.call(this).then(resolve, reject);
      const closed = (): void => reject(closedEarly(this.broker));
      // The error of kafkajs comes first if it has one: it tells the cause.
      this.socket?.once('close', () => setImmediate(closed));
    }).finally(() => pending.delete(this));
    pending.set(this, connected);
    return connected;
  };
  prototype.connect = Object.assign(fresh, { beginsAfresh: true });
}

/** The error of kafkajs for a failed attempt to connect, whose class it does not export to modules. */
const closedEarly = (broker: string): Error =>
  Object.assign(new Error('The connection closed'), { name: 'KafkaJSConnectionError', retriable: true, broker });

function forget(connection: Connection): void {
  const { socket } = connection;
  if (socket) {
    for (const event of ['data', 'end', 'error', 'timeout']) socket.removeAllListeners(event);
    // Without a listener, a late error would end the process.
    socket.on('error', () => undefined);
    socket.destroy();
  }
  connection.chunks = [];
  connection.bytesBuffered = 0;
  connection.bytesNeeded = SIZE_BYTES;
}

/** The bytes at the beginning of a response that tell its size. */
const SIZE_BYTES = 4;

function hasConnect(loaded: unknown): loaded is { readonly prototype: Connection } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null) return false;
  return ['connect', 'isConnected'].every((name) => typeof Reflect.get(prototype, name) === 'function');
}

/* The interfaces are those of kafkajs 2.2.4. */

interface Connect {
  (this: Connection): Promise<unknown>;
  beginsAfresh?: boolean;
}

interface Connection {
  /** The address, for errors. */
  readonly broker: string;
  /** Missing before the first attempt to connect. */
  readonly socket?: {
    removeAllListeners(event: string): unknown;
    on(event: 'error', listener: () => void): unknown;
    once(event: 'close', listener: () => void): unknown;
    destroy(): unknown;
  };
  /** What has come of the next responses. */
  chunks: readonly Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  connect: Connect;
  isConnected(): boolean;
}
