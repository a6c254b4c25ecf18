import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  /** Undefined: without TLS. */
  readonly ssl?: ConnectionOptions | undefined;
  readonly onConnect: () => void;
}

/** Sockets without Nagle's algorithm, which kafkajs leaves on, so that each request is sent at once. */
export function promptSockets({ host, port, ssl, onConnect }: SocketOptions): Socket {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  // kafkajs calls `unref` on every disconnect, even on a socket that failed earlier. Node then adds a listener for a
  // connection that never comes. During an outage these listeners accumulate, and Node warns of a leak.
  const unref = socket.unref.bind(socket);
  socket.unref = () => (socket.destroyed ? socket : unref());
  return socket;
}
