import { keepCompiledCode } from '../shared/process/compileCache.js';
import { deferSeldomUsed } from '../shared/process/deferModules.js';
import { Lifecycle } from '../shared/process/Lifecycle.js';

const USAGE = `Usage: node --max-semi-space-size=4 dist/controller/main.js [ID]

Starts a controller of a distributed installation, on Kafka and CouchDB.

  ID         the id of this controller, such as 0, 1, 2; each controller has its own (default: CONTROLLER_ID)
  --version  print the version
  --help     print this text

Settings are environment variables, such as KAFKA_HOSTS and CONFIG_whisk_couchdb_host: see docs/configuration.md. How to
install controllers and invokers: docs/running.md.
`;

// Load the other modules after the signal handlers are installed.
await Lifecycle.begin('palette-whisk controller').run(async (life) => {
  keepCompiledCode();
  deferSeldomUsed();
  const { keepHeapSmall } = await import('../shared/process/heap.js');
  const { environment } = await import('../shared/config/environment.js');
  const { controllerConfig } = await import('../shared/config/controllerConfig.js');
  const { unknownSettings } = await import('../shared/config/unknownSettings.js');
  const { printsAboutItself } = await import('../shared/process/help.js');
  const { createLogger } = await import('../shared/logging/winston.js');
  const { startController } = await import('./start.js');

  if (printsAboutItself(process.argv.slice(2), USAGE)) return;
  keepHeapSmall();
  const config = controllerConfig(environment(), process.argv.slice(2));
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  life.logTo(log);
  for (const warning of unknownSettings(environment())) log.warn(warning);
  await startController(life, config, log);
});
