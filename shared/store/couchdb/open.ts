import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import { backOff, retry } from '../../process/retry.js';
import { StoreError, type Stores } from '../ArtifactStore.js';
import type { DatabaseName } from '../views.js';
import { CouchClient, CouchError, pathOf, type CouchConnection } from './CouchClient.js';
import { CouchStore } from './CouchStore.js';
import { DESIGN_DOCUMENTS, DISPENSABLE, type DesignDocument } from './designDocuments.js';
import { codeOf, messageOf } from '../../errors/reasons.js';

export interface CouchOptions extends Omit<CouchConnection, 'ca'> {
  /** A file of certificates (PEM) to trust besides the well-known ones. */
  readonly caFile?: string | undefined;
  /** The name of each database. */
  readonly databases: Readonly<Record<DatabaseName, string>>;
  /** Where an installation has the views under other names than OpenWhisk's. */
  readonly designDocuments?: DesignNames | undefined;
  /** Whether what is missing is made (the standard). Otherwise it is taken to be there. */
  readonly create?: boolean | undefined;
}

/** The names of the design documents, without `_design/`. */
export interface DesignNames {
  readonly actions: string;
  readonly activations: string;
  readonly activationsFilter: string;
  readonly subjects: string;
}

/** What lies between two batches of records, in ms: each costs CouchDB, and us, milliseconds of work, however few they are. */
export const COMMIT_PACE = { intervalMs: 25, maxIntervalMs: 100 };

/** So long a list of activations waits for the newest. */
const HISTORY_PATIENCE_MS = 5000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

/**
 * The three databases of a CouchDB, made where they are missing, with their views. While CouchDB does not answer this
 * waits and says so. A user who is no administrator of databases that Apache OpenWhisk set up can open them too.
 *
 * @throws StoreError where CouchDB answers and refuses (credentials, rights), or when `signal` aborts.
 */
export async function openCouchStores(
  options: CouchOptions,
  log: Logger = silentLogger,
  signal?: AbortSignal,
): Promise<Stores> {
  const client = new CouchClient({ ...options, ca: readAuthority(options.caFile) });
  try {
    await Promise.race([untilItAnswers(client, options, log, signal), told(signal, client.origin)]);
  } catch (error) {
    await client.abandon();
    throw error;
  }
  const store = (name: DatabaseName, viewPatienceMs?: number) =>
    new CouchStore(client, options.databases[name], {
      designName: (design) => designName(name, design, options.designDocuments),
      viewPatienceMs,
      log,
    });
  return {
    whisks: store('whisks'),
    // Millions of records may come before their views. Of entities and keys a part would be taken for the whole.
    activations: store('activations', HISTORY_PATIENCE_MS),
    subjects: store('subjects'),
    close: () => client.close(),
  };
}

/** What an installation calls one of our design documents. */
function designName(database: DatabaseName, design: string, names: DesignNames | undefined): string {
  if (!names) return design;
  const renamed: Readonly<Record<DatabaseName, Readonly<Record<string, string>>>> = {
    whisks: { 'whisks.v2.1.0': names.actions },
    activations: { 'whisks.v2.1.0': names.activations, 'whisks-filters.v2.1.1': names.activationsFilter },
    subjects: { 'subjects.v2.0.0': names.subjects },
  };
  return renamed[database][design] ?? design;
}

function readAuthority(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new StoreError(`cannot read the certificates in ${file} (${codeOf(error)})`);
  }
}

/** Rejects once the signal aborts: a request may be under way to a CouchDB that is frozen. */
function told(signal: AbortSignal | undefined, origin: string): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new StoreError(`CouchDB at ${origin} did not answer`));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Tries until CouchDB answers or `signal` aborts: an outage may take any time. */
async function untilItAnswers(
  client: CouchClient,
  options: CouchOptions,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  let said = '';
  const open = async (): Promise<void> => {
    for (const name of ['whisks', 'activations', 'subjects'] as const) {
      const db = options.databases[name];
      if (options.create === false) await client.json({ path: pathOf(db) });
      else await ensureDatabase(client, db, designsOf(name, options.designDocuments), log);
    }
    if (said !== '') log.info(`CouchDB at ${client.origin} answers`);
  };
  try {
    await retry(open, {
      delayMs: backOff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS),
      isFinal: (error) => !(error instanceof CouchError) || isRefusal(error.status),
      onFailure: (error) => {
        const message = messageOf(error);
        if (message !== said) log.warn(`waiting for CouchDB at ${client.origin}: ${message}`);
        said = message;
      },
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw new StoreError(`CouchDB at ${client.origin} did not answer`, { cause: error });
    if (!(error instanceof CouchError)) throw error;
    const text = `CouchDB at ${client.origin} refuses: ${error.message} (${error.status})`;
    throw new StoreError(text, { cause: error });
  }
}

/** Waiting does not help against these; 404 and 409 come of others that set up the same databases. */
const isRefusal = (status: number): boolean =>
  status >= 400 && status < 500 && ![404, 408, 409, 412, 429].includes(status);

/** The design documents of a database under the names that the installation has for them. */
const designsOf = (database: DatabaseName, names: DesignNames | undefined): readonly DesignDocument[] =>
  DESIGN_DOCUMENTS[database].map((design) => {
    const name = design._id.slice(DESIGN.length);
    return { ...design, _id: DESIGN + designName(database, name, names) };
  });

const DESIGN = '_design/';

/** What matters of a design document that is there already. */
const designSchema = z.looseObject({
  views: z.record(z.string(), z.unknown()).optional(),
  filters: z.record(z.string(), z.unknown()).optional(),
});

async function ensureDatabase(
  client: CouchClient,
  db: string,
  designs: readonly DesignDocument[],
  log: Logger,
): Promise<void> {
  if ((await getOrUndefined(client, pathOf(db))) === undefined) {
    try {
      await client.json({ method: 'PUT', path: pathOf(db) });
      log.info(`made the database ${db}`);
    } catch (error) {
      // Another process was faster.
      if (!(error instanceof CouchError) || error.status !== 412) throw error;
    }
  }
  for (const design of designs) await ensureDesign(client, db, design, log);
}

/** Puts a design document, or adds to one what it lacks. A view that is there stays as it is. */
async function ensureDesign(client: CouchClient, db: string, wanted: DesignDocument, log: Logger): Promise<void> {
  const path = pathOf(db, wanted._id);
  const found = designSchema.optional().parse(await getOrUndefined(client, path));
  const lacks = (have: object | undefined, want: object | undefined): boolean =>
    Object.keys(want ?? {}).some((name) => !(name in (have ?? {})));
  if (found && !lacks(found.views, wanted.views) && !lacks(found.filters, wanted.filters)) return;
  const merged = {
    ...wanted,
    ...found,
    views: { ...wanted.views, ...found?.views },
    ...(wanted.filters ? { filters: { ...wanted.filters, ...found?.filters } } : {}),
  };
  try {
    await client.json({ method: 'PUT', path, body: JSON.stringify(merged) });
    log.info(`${found ? 'upgraded' : 'put'} ${wanted._id} in ${db}`);
  } catch (error) {
    if (!(error instanceof CouchError)) throw error;
    // Another process was faster, maybe with a part only of what is wanted.
    if (error.status === 409) return ensureDesign(client, db, wanted, log);
    if (![401, 403].includes(error.status)) throw error;
    const missing = `${wanted._id} is missing in ${db}, and this user may not put it: ${error.message}`;
    if (!DISPENSABLE.has(wanted._id)) throw new CouchError(error.status, missing);
    log.warn(missing);
  }
}

async function getOrUndefined(client: CouchClient, path: string): Promise<unknown> {
  try {
    return await client.json({ path });
  } catch (error) {
    if (error instanceof CouchError && error.status === 404) return undefined;
    throw error;
  }
}
