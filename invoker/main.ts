import { keepCompiledCode } from '../shared/process/compileCache.js';
import { deferSeldomUsed } from '../shared/process/deferModules.js';
import { Lifecycle } from '../shared/process/Lifecycle.js';

const USAGE = `Usage: node --max-semi-space-size=4 dist/invoker/main.js [options]

Starts an invoker of a distributed installation, on Kafka and CouchDB.

  --uniqueName NAME     the name under which CouchDB keeps the id of this invoker (default: the host's name)
  --id N                the id, instead of the one in CouchDB
  --overwriteId N       take the id N in CouchDB from the invoker that has it
  --displayedName NAME  an additional name to show
  --version             print the version
  --help                print this text

Settings are environment variables, such as KAFKA_HOSTS and CONFIG_whisk_couchdb_host: see docs/configuration.md. How to
install controllers and invokers: docs/running.md.
`;

// Load the other modules after the signal handlers are installed.
await Lifecycle.begin('palette-whisk invoker').run(async (life) => {
  keepCompiledCode();
  deferSeldomUsed();
  const { keepHeapSmall } = await import('../shared/process/heap.js');
  const { environment } = await import('../shared/config/environment.js');
  const { invokerConfig } = await import('../shared/config/invokerConfig.js');
  const { unknownSettings } = await import('../shared/config/unknownSettings.js');
  const { printsAboutItself } = await import('../shared/process/help.js');
  const { createLogger } = await import('../shared/logging/winston.js');
  const { startInvoker } = await import('./start.js');

  if (printsAboutItself(process.argv.slice(2), USAGE)) return;
  keepHeapSmall();
  const config = invokerConfig(environment(), process.argv.slice(2));
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  life.logTo(log);
  for (const warning of unknownSettings(environment())) log.warn(warning);
  await startInvoker(life, config, log);
});
