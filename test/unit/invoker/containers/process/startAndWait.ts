import { ProcessDriver } from '../../../../../invoker/containers/process/ProcessDriver.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';

/* Starts a container as a process, pauses it where it is told to, prints its id, and waits to be killed. */
const driver = new ProcessDriver({ owner: `killed-${process.pid}`, logger: silentLogger });
const container = await driver.create({
  name: 'x',
  image: { kind: 'nodejs:20', reference: '', pull: false },
  memoryMB: 128,
  environment: {},
  concurrency: 1,
});
await container.post('/init', JSON.stringify({ value: { main: 'main', code: 'function main() {}' } }), {
  timeoutMs: 240_000,
  maxResponseBytes: 1000,
  truncationBytes: 1000,
});
if (process.argv.includes('--pause')) await container.pause();
console.log(container.id);
setInterval(() => undefined, 60_000);
