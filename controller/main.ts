import { controllerConfig } from '../shared/config/controllerConfig.js';
import { environment } from '../shared/config/environment.js';
import { createLogger } from '../shared/logging/winston.js';
import { keepHeapSmall } from '../shared/process/heap.js';
import { stopOnSignals } from '../shared/process/shutdown.js';
import { DRAIN_MS, startController } from './start.js';

/** Beyond what requests may take to finish: to take leave of bus and store. */
const LEAVE_MS = 30_000;

keepHeapSmall();
try {
  const config = controllerConfig(environment(), process.argv.slice(2));
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const parts = await startController(config, log);
  stopOnSignals(parts, DRAIN_MS + LEAVE_MS, log);
} catch (error) {
  process.stderr.write(`palette-whisk controller: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
