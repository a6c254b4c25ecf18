/*
 * A worker thread of objects that says that objects which are never evicted take its whole bound.
 */
import { createServer } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerConfig } from '../../../../invoker/objects/messages.js';

const { doorPath, socketPath } = workerData as WorkerConfig;
const tell = (message: FromWorker): void => parentPort?.postMessage(message);
parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'bound') tell({ kind: 'kept', bytes: message.bytes });
  if (message.kind === 'stop') process.exit();
});
createServer((socket) => socket.destroy()).listen(doorPath);
createServer().listen(socketPath, () => tell({ kind: 'ready' }));
