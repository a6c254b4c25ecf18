import { once } from 'node:events';
import { COUCHDB_SETTINGS, couchDbConfig } from '../../shared/config/couchdbSettings.js';
import { environment } from '../../shared/config/environment.js';
import { ConfigurationError, readSettings } from '../../shared/config/Setting.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { DocumentConflictError, StoreError, type Stores } from '../../shared/store/ArtifactStore.js';
import { openCouchStores } from '../../shared/store/couchdb/open.js';
import { openStoresOfServer } from '../../shared/store/embedded/open.js';
import { AdminError } from './AdminError.js';
import { parseCommandLine, USAGE } from './commandLine.js';
import { run } from './run.js';
import { generateKey, parseKey, printed } from './users.js';

/** Whoever administers is there to wait no longer than this for CouchDB. */
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

/** Waits where the reader is slower. */
async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

async function main(): Promise<void> {
  const { command, data } = parseCommandLine(process.argv.slice(2));
  if (command.verb === 'help') return print(USAGE.trimEnd());
  if (command.verb === 'user create' && command.generateOnly) {
    return print(printed(command.auth === undefined ? generateKey() : parseKey(command.auth)));
  }
  const stores = await openStores(data);
  try {
    for await (const line of run(command, stores)) await print(line);
  } finally {
    await stores.close();
  }
}

try {
  await main();
} catch (error) {
  const expected = [AdminError, StoreError, ConfigurationError, DocumentConflictError].some((t) => error instanceof t);
  if (!expected) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof AdminError ? error.exitCode : 1;
}
