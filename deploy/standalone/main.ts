import { ConfigurationError } from '../../shared/config/Setting.js';
import { createLogger } from '../../shared/logging/winston.js';
import { stopOnSignals } from '../../shared/process/shutdown.js';
import { StoreError } from '../../shared/store/ArtifactStore.js';
import { banner } from './banner.js';
import { keepHeapSmall } from '../../shared/process/heap.js';
import { parseOptions, USAGE, UsageError } from './options.js';
import { startStandalone } from './server.js';
import { WELL_KNOWN_USERS } from './users.js';

const STOP_LIMIT_MS = 60_000;

keepHeapSmall();
try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
  } else {
    const log = createLogger({ level: options.logLevel, format: options.logFormat });
    const server = await startStandalone(options, log);
    stopOnSignals(server.parts, STOP_LIMIT_MS, log);
    process.stdout.write(
      banner({
        url: server.url,
        guestKey: WELL_KNOWN_USERS.guest,
        driver: server.containers.kind,
        driverReason: server.containers.reason,
        dataFolder: server.dataFolder,
        startMs: Math.round(process.uptime() * 1000),
      }),
    );
  }
} catch (error) {
  process.stderr.write(`palette-whisk: ${describe(error)}\n`);
  process.exit(1);
}

/** One line for what a user can do something about; the whole error for the rest. */
function describe(error: unknown): string {
  if (error instanceof UsageError || error instanceof StoreError || error instanceof ConfigurationError)
    return error.message;
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen') return code === undefined ? (error.stack ?? error.message) : error.message;
  const { address, port } = error as { address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `port ${port} is in use on ${address}: stop what listens there, or choose another with --port`;
  if (code === 'EACCES') return `this user may not listen on port ${port}: choose one above 1023 with --port`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${address}: choose another with --host`;
  return error.message;
}
