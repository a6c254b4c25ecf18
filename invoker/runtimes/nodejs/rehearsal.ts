import { connect, type Server } from 'node:net';

/**
 * A runtime that nobody has called for so long after it listens waits for its action, in ms. The first call after a cold
 * start comes at once.
 */
const IDLE_MS = 100;
/** The longest wait for its own answer, in ms. */
const LIMIT_MS = 5000;

/** A request that the server refuses. */
const REQUEST = 'POST /rehearsal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}';

/**
 * Rehearses the first call while the runtime waits for it, since V8 compiles a function at its first use: a container that
 * was started in advance takes its first call in half of the time then. It sends one request to its own server, which
 * refuses it.
 * @param server listens or will listen, and emits `request`. A request that comes first calls the rehearsal off.
 * @param rehearseAction does the rest. It begins before any request has come. Its errors are ignored.
 * @param whenIdle calls a function after the time, and returns a function that cancels the call.
 */
export function rehearseWhenIdle(
  server: Server,
  rehearseAction: () => Promise<void>,
  whenIdle: (run: () => void) => () => void = afterIdleTime,
): void {
  server.once('listening', () => {
    const callOff = whenIdle(() => {
      server.off('request', callOff);
      rehearseAction().then(
        () => callItself(server),
        () => undefined,
      );
    });
    server.once('request', callOff);
  });
}

function afterIdleTime(run: () => void): () => void {
  const timer = setTimeout(run, IDLE_MS).unref();
  return () => clearTimeout(timer);
}

function callItself(server: Server): void {
  const address = server.address();
  if (address === null) return;
  const socket = typeof address === 'string' ? connect(address) : connect(address.port, '127.0.0.1');
  socket.unref();
  socket.setTimeout(LIMIT_MS, () => socket.destroy());
  socket.once('error', () => socket.destroy());
  socket.once('data', () => socket.destroy());
  socket.write(REQUEST);
}
