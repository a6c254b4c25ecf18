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
  /** A file of additional trusted certificates (PEM). */
  readonly caFile?: string | undefined;
  /** The name of each database. */
  readonly databases: Readonly<Record<DatabaseName, string>>;
  /** The names of the design documents, if they differ from OpenWhisk's. */
  readonly designDocuments?: DesignNames | undefined;
  /** Whether to create missing databases and design documents (default: yes). Otherwise they must exist. */
  readonly create?: boolean | undefined;
  /** The longest wait of a list of activations for the newest ones, in ms (default: 5000). */
  readonly listWaitMs?: number | undefined;
}

/** The names of the design documents, without `_design/`. */
export interface DesignNames {
  readonly actions: string;
  readonly activations: string;
  readonly activationsFilter: string;
  readonly subjects: string;
}

/**
 * The interval of batches of records, in ms: each batch costs CouchDB and this process milliseconds, even a small one.
 */
export const COMMIT_PACE = { intervalMs: 25, maxIntervalMs: 100 };

const LIST_WAIT_MS = 5000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;

/**
 * Opens the three databases of a CouchDB and creates missing databases and views. Waits while CouchDB does not answer,
 * and logs that. Existing databases of Apache OpenWhisk do not need an administrator.
 *
 * @throws StoreError if CouchDB refuses (credentials, rights), or when `signal` aborts.
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
    // Only lists of activations may be incomplete: an index of millions of records takes long, but entities and keys
    // must be complete.
    activations: store('activations', options.listWaitMs ?? LIST_WAIT_MS),
    subjects: store('subjects'),
    close: () => client.close(),
  };
}

/** The installation's name of a design document. */
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

/** Rejects once the signal aborts, since a request to a frozen CouchDB may be pending. */
function told(signal: AbortSignal | undefined, origin: string): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new StoreError(`CouchDB at ${origin} did not answer`));
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Retries until CouchDB answers or `signal` aborts, since an outage may take any time. */
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

/** Whether a retry cannot help. 404 and 409 may result from other processes that create the same databases. */
const isRefusal = (status: number): boolean =>
  status >= 400 && status < 500 && ![404, 408, 409, 412, 429].includes(status);

/** The design documents of a database, with the installation's names. */
const designsOf = (database: DatabaseName, names: DesignNames | undefined): readonly DesignDocument[] =>
  DESIGN_DOCUMENTS[database].map((design) => {
    const name = design._id.slice(DESIGN.length);
    return { ...design, _id: DESIGN + designName(database, name, names) };
  });

const DESIGN = '_design/';

/** The used fields of an existing design document. */
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
      log.info(`created the database ${db}`);
    } catch (error) {
      // Another process created it first.
      if (!(error instanceof CouchError) || error.status !== 412) throw error;
    }
  }
  for (const design of designs) await ensureDesign(client, db, design, log);
}

/** Writes a design document, or adds missing views to an existing one. Existing views stay unchanged. */
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
    // Another process wrote it first, perhaps with only a part of the views.
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
