import { Lifecycle } from '../../shared/process/Lifecycle.js';

// After the terminal is closed, writes fail. Ignore that, so that the processes are stopped.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

await Lifecycle.begin('palette-whisk local').run(async (life) => {
  // The parent process has ended.
  process.once('disconnect', () => life.stop('the parent process is gone'));
  const { createLogger } = await import('../../shared/logging/winston.js');
  const { parseOptions, USAGE } = await import('./options.js');
  const { startLocal } = await import('./start.js');

  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const log = createLogger({ level: 'warn', format: 'text' });
  life.logTo(log);
  life.stopping.addEventListener('abort', () => process.stdout.write('ending\n'));
  await startLocal(life, options, log);
});
