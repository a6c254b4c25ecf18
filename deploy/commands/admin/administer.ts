import { once } from 'node:events';
import { COUCHDB_SETTINGS, couchDbConfig } from '../../../shared/config/couchdbSettings.js';
import { environment } from '../../../shared/config/environment.js';
import { readSettings } from '../../../shared/config/Setting.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import type { Lifecycle } from '../../../shared/process/Lifecycle.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { openStoresOfServer } from '../../../shared/store/embedded/open.js';
import { isDataCommand, runOnFolder } from './folders.js';
import { parseCommandLine, USAGE } from './commandLine.js';
import { run } from './run.js';
import { runTrace } from './traces.js';
import { generateKey, parseKey, printed } from './users.js';

/** The longest wait for CouchDB, in ms: a person is waiting. */
const COUCHDB_WAIT_MS = 10_000;
const STANDARD_FOLDER = 'data';

async function openStores(data: string | undefined): Promise<Stores> {
  const variables = environment();
  if (data === undefined && variables[COUCHDB_SETTINGS.couchHost.name] !== undefined) {
    const config = couchDbConfig(readSettings(COUCHDB_SETTINGS, variables));
    return openCouchStores(config, silentLogger, AbortSignal.timeout(COUCHDB_WAIT_MS));
  }
  return openStoresOfServer(data ?? STANDARD_FOLDER);
}

/** Prints a line. Waits for a slow reader. */
async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

/**
 * Runs the command of the command line.
 * @throws AdminError, StoreError, ConfigurationError, DocumentConflictError
 */
export async function administer(life: Lifecycle, args: readonly string[]): Promise<void> {
  const { command, data } = parseCommandLine(args);
  if (command.verb === 'help') return print(USAGE.trimEnd());
  if (command.verb === 'user create' && command.generateOnly) {
    return print(printed(command.auth === undefined ? generateKey() : parseKey(command.auth)));
  }
  if (isDataCommand(command)) {
    for await (const line of runOnFolder(command, data ?? STANDARD_FOLDER, new Date())) await print(line);
    return;
  }
  if (command.verb === 'trace run') {
    for await (const line of runTrace(command.run)) await print(line);
    return;
  }
  const stores = await openStores(data);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= stores.close());
  life.opened('store', close);
  life.beforeExit('store', close);
  for await (const line of run(command, stores, Date.now())) {
    if (life.stopping.aborted) return;
    await print(line);
  }
  await close();
}
