import { keepCompiledCode, writeCompiledCode } from '../../shared/process/compileCache.js';
import { deferSeldomUsed } from '../../shared/process/deferModules.js';
import { Lifecycle } from '../../shared/process/Lifecycle.js';
import { within } from '../../shared/process/within.js';

/** The longest wait for the terminal at the stop, in ms. */
const FLUSH_MS = 1000;

/** Runs a standalone server as this process. Loads the other modules after the signal handlers are installed. */
export async function start(args: readonly string[]): Promise<void> {
  await Lifecycle.begin('palette-whisk').run(async (life) => {
    keepCompiledCode();
    deferSeldomUsed();
    const {
      banner,
      createLogger,
      environment,
      keepHeapSmall,
      parseOptions,
      standaloneSettings,
      startStandalone,
      USAGE,
    } = await import('./serverModules.js');

    keepHeapSmall();
    const options = parseOptions(args);
    if (options === 'help') {
      process.stdout.write(USAGE);
      return;
    }
    if (options === 'version') {
      const { programVersion } = await import('../../shared/process/version.js');
      process.stdout.write(`${programVersion()}\n`);
      return;
    }
    const settings = standaloneSettings(environment());
    const format = options.logFormat ?? settings.logFormat;
    const log = createLogger({ level: options.logLevel ?? settings.logLevel, format });
    life.logTo(log);
    const activity = (options.logRequests ?? process.stdout.isTTY) ? await printed(life, format) : {};
    const server = await startStandalone(life, options, log, activity);
    if (!life.stopping.aborted) process.stdout.write(banner(server, Math.round(process.uptime() * 1000)));
    setImmediate(writeCompiledCode);
  });
}

/** Prints requests and activations to the standard output. */
async function printed(life: Lifecycle, format: 'text' | 'json') {
  const { activityLog } = await import('./activity/activity.js');
  const { descriptorSink } = await import('./activity/LineQueue.js');
  const { paintFor } = await import('./activity/paint.js');
  const activity = activityLog({
    sink: descriptorSink(process.stdout.fd),
    format,
    paint: paintFor(process.stdout, process.env),
    now: () => new Date(),
  });
  // A stopped terminal must not delay the end.
  life.opened('the lines of requests', () => within(activity.flush(), FLUSH_MS, () => {}));
  return activity;
}
