import { environment } from '../shared/config/environment.js';
import { invokerConfig } from '../shared/config/invokerConfig.js';
import { createLogger } from '../shared/logging/winston.js';
import { keepHeapSmall } from '../shared/process/heap.js';
import { stopOnSignals } from '../shared/process/shutdown.js';
import { startInvoker } from './start.js';

/** Beyond what activations may take to end: to take leave of the bus, and to remove containers. */
const LEAVE_MS = 30_000;

keepHeapSmall();
try {
  const config = invokerConfig(environment(), process.argv.slice(2));
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const parts = await startInvoker(config, log);
  stopOnSignals(parts, config.drainTimeoutMs + LEAVE_MS, log);
} catch (error) {
  process.stderr.write(`palette-whisk invoker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
