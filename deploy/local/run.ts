import { messageOf } from '../../shared/errors/reasons.js';
import { Lifecycle } from '../../shared/process/Lifecycle.js';
import { UsageError } from '../standalone/options.js';

// After the terminal is closed, writes fail. Ignore that, so that the processes are stopped.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

/** A mistake of the command line is told in one line, without a stack. */
function understood<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${messageOf(error).split('. ')[0]} (--help lists the options)`);
  }
}

await Lifecycle.begin('palette-whisk local').run(async (life) => {
  const { createLogger } = await import('../../shared/logging/winston.js');
  const { parseOptions, USAGE } = await import('./options.js');
  const { printsVersion } = await import('../../shared/process/version.js');
  const { startLocal } = await import('./start.js');

  const args = process.argv.slice(2);
  if (printsVersion(args)) return;
  const options = understood(() => parseOptions(args));
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  // The parent process has ended. This listener keeps the process running, so help and version come before it.
  process.once('disconnect', () => life.stop('the parent process is gone'));
  const log = createLogger({ level: 'warn', format: 'text' });
  life.logTo(log);
  life.stopping.addEventListener('abort', () => process.stdout.write('ending\n'));
  await startLocal(life, options, log);
});
