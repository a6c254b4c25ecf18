/*
 * A worker thread of objects that is frozen at its start, or ends by a fault: at its start, or at its first connection after it is ready.
 */
import { createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerConfig } from '../../../../invoker/objects/messages.js';

const { doorPath, socketPath, boundBytes } = workerData as WorkerConfig;
if (boundBytes === 1_000_001) throw new Error('it fails at the start');
if (boundBytes === 1_000_002) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
createServer((socket) => {
  socket.destroy();
  throw new Error('it fails at a connection');
}).listen(doorPath);
createServer().listen(socketPath, () => parentPort?.postMessage({ kind: 'ready' }));
