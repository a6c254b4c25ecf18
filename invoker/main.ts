import { Lifecycle } from '../shared/process/Lifecycle.js';

// Load the other modules after the signal handlers are installed.
await Lifecycle.begin('palette-whisk invoker').run(async (life) => {
  const { keepHeapSmall } = await import('../shared/process/heap.js');
  const { environment } = await import('../shared/config/environment.js');
  const { invokerConfig } = await import('../shared/config/invokerConfig.js');
  const { createLogger } = await import('../shared/logging/winston.js');
  const { startInvoker } = await import('./start.js');

  keepHeapSmall();
  const config = invokerConfig(environment(), process.argv.slice(2));
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  life.logTo(log);
  await startInvoker(life, config, log);
});
