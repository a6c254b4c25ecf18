/* A worker thread of objects that ends by a fault: at its start, or at its first message after it is ready. */
import { createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerConfig } from '../../../../invoker/objects/messages.js';

const { doorPath, socketPath, boundBytes } = workerData as WorkerConfig;
if (boundBytes === 1_000_001) throw new Error('it fails at the start');
createServer((socket) => {
  socket.destroy();
  throw new Error('it fails at a connection');
}).listen(doorPath);
createServer().listen(socketPath, () => parentPort?.postMessage({ kind: 'ready' }));
