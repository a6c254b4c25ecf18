/* oxlint-disable no-console -- what an action logs is this process's own output */
/**
 * The Node.js runtime of actions: an HTTP server for `POST /init` and `POST /run`, as OpenWhisk's invokers call them.
 * It runs alone in a container or as a child process, so its files must not import a package or the rest of the
 * project.
 *
 * With the argument `--end-with-parent` it ends when descriptor 3 closes, whose other end the parent holds.
 *
 * Environment: `PORT` (a number, or the path of a Unix socket; 8080), `__OW_ALLOW_CONCURRENT=true` lets `/run` overlap.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadAction } from './action.js';
import { serveActions } from './ActionServer.js';
import { ActionService } from './ActionService.js';
import { replaceEnvironment } from './environment.js';
import { loadedText } from './text.js';

// Actions may call `gc()`, as in OpenWhisk's image. A flag on the command line would slow each start by about 15 ms,
// since V8 discards its code cache when flags differ.
Object.defineProperty(globalThis, 'gc', {
  configurable: true,
  get() {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    return gc;
  },
});

const environment = replaceEnvironment();

/** Loads and runs an action that does nothing, without a trace in the logs or in the environment. */
async function rehearseAction(): Promise<void> {
  const nothing = (): undefined => undefined;
  const service = new ActionService({
    concurrent: false,
    environment: { set: nothing, begin: nothing },
    load: (action) => loadAction({ ...action, rehearsal: true }),
    textOf: nothing,
    log: nothing,
    endLogs: nothing,
  });
  const code = 'function main(args) { return { ...args } }';
  await service.init({ value: { main: 'main', code, binary: false, env: { NAME: 'value' } } });
  await service.run({ value: { name: 'value' }, deadline: '0' });
}

serveActions(
  (endLogs) =>
    new ActionService({
      concurrent: process.env['__OW_ALLOW_CONCURRENT']?.toLowerCase() === 'true',
      environment,
      load: loadAction,
      textOf: loadedText,
      log: (...values) => console.error(...values),
      endLogs,
    }),
  { rehearseAction },
);
