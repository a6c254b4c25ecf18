import { Lifecycle } from '../../shared/process/Lifecycle.js';

// Load the other modules after the signal handlers are installed.
await Lifecycle.begin('palette-whisk').run(async (life) => {
  const { keepHeapSmall } = await import('../../shared/process/heap.js');
  const { createLogger } = await import('../../shared/logging/winston.js');
  const { parseOptions, USAGE } = await import('./options.js');
  const { startStandalone } = await import('./server.js');
  const { banner } = await import('./banner.js');

  keepHeapSmall();
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const log = createLogger({ level: options.logLevel, format: options.logFormat });
  life.logTo(log);
  const server = await startStandalone(life, options, log);
  if (!life.stopping.aborted) process.stdout.write(banner(server, Math.round(process.uptime() * 1000)));
});
