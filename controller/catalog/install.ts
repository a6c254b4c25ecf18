import { createHash } from 'node:crypto';
import * as z from 'zod';
import { alarms } from './alarms.js';
import type { CatalogAction, CatalogPackage, ParameterNote } from './entries.js';
import { samples } from './samples.js';
import { utils } from './utils.js';
import { newAction, revisedAction } from '../api/actions/revise.js';
import { newPackage, revisedPackage } from '../api/packages/revise.js';
import type { ControllerContext } from '../api/ControllerContext.js';
import type { Json, JsonObject, KeyValue } from '../../shared/entities/keyvalue.js';
import { DocumentConflictError, type ArtifactStore, type NewDocument } from '../../shared/store/ArtifactStore.js';
import { retryConflicts } from '../../shared/store/conflicts.js';

/** The packages of `whisk.system`. */
export const CATALOG: readonly CatalogPackage[] = [utils, samples, alarms];

const SYSTEM = 'whisk.system';
/** The ledger's id. It has no slash, so it differs from the ids of all entities. No view contains the document. */
const LEDGER = 'palette-whisk:catalog';
/** More than the number of controllers that start at once. */
const ATTEMPTS = 100;

/** The installed entries by document id: the digest of their source, and the revision of the document. */
const ledgerSchema = z.object({
  _id: z.string(),
  _rev: z.string(),
  installed: z.record(z.string(), z.object({ digest: z.string(), revision: z.string() })),
});
type Ledger = z.infer<typeof ledgerSchema>['installed'];

export type InstallParts = Pick<ControllerContext, 'entities' | 'runtimes' | 'limits' | 'log' | 'clock'> & {
  readonly whisks: Pick<ArtifactStore, 'get' | 'put'>;
};

/**
 * Installs the catalog's packages and actions into the namespace `whisk.system`. Entities that a user created, changed
 * or deleted stay untouched; a newer catalog replaces the entries of an older one. Costs one read if nothing changed.
 */
export async function installCatalog(parts: InstallParts, catalog: readonly CatalogPackage[] = CATALOG): Promise<void> {
  const kind = parts.runtimes.resolve('nodejs:default')?.kind;
  if (kind === undefined) {
    parts.log.warn('could not install the catalog: the manifest has no Node.js runtime');
    return;
  }
  const before = (await readLedger(parts))?.installed ?? {};
  const installed: Ledger = {};
  // Each write waits for the disk, which takes them together.
  await Promise.all(
    catalog.map(async (entry) => {
      await install(parts, before, installed, `${SYSTEM}/${entry.name}`, entryDigest(entry), () =>
        putPackage(parts, entry),
      );
      await Promise.all(
        entry.actions.map((action) => {
          const id = `${SYSTEM}/${entry.name}/${action.name}`;
          return install(parts, before, installed, id, digestOf({ kind, action }), () =>
            putAction(parts, entry.name, action, kind),
          );
        }),
      );
    }),
  );
  if (Object.keys(installed).length === 0) return;
  await addToLedger(parts, installed);
  parts.log.info('installed the catalog of whisk.system', { packages: catalog.map(({ name }) => name).join(', ') });
}

const readLedger = async ({ whisks }: InstallParts): Promise<z.infer<typeof ledgerSchema> | undefined> =>
  ledgerSchema.optional().parse(await whisks.get(LEDGER));

/**
 * Adds entries to the ledger. Keeps the entries that another controller adds at the same time: a newer catalog would
 * not replace an entity that is missing from the ledger, since it might be a user's own.
 */
function addToLedger(parts: InstallParts, installed: Ledger): Promise<void> {
  return retryConflicts(ATTEMPTS, async () => {
    const ledger = await readLedger(parts);
    const all: NewDocument & { installed: Ledger } = {
      _id: LEDGER,
      _rev: ledger?._rev,
      installed: { ...ledger?.installed, ...installed },
    };
    await parts.whisks.put(all);
  });
}

async function install(
  parts: InstallParts,
  before: Ledger,
  installed: Ledger,
  id: string,
  digest: string,
  put: () => Promise<string | undefined>,
): Promise<void> {
  const known = before[id];
  if (known?.digest === digest) return;
  const existing = await parts.whisks.get(id);
  const foreign = known ? existing?._rev !== known.revision : existing !== undefined;
  if (foreign) {
    parts.log.info('kept an entry of the catalog that a user changed', { id });
    return;
  }
  try {
    const revision = await put();
    if (revision !== undefined) installed[id] = { digest, revision };
  } catch (error) {
    if (!(error instanceof DocumentConflictError)) throw error;
  }
}

async function putPackage({ entities, clock }: InstallParts, entry: CatalogPackage): Promise<string | undefined> {
  const body = {
    parameters: keyValues(entry.parameters ?? {}),
    annotations: keyValues({ description: entry.description, ...parametersNote(entry.takes) }),
    publish: true,
  };
  const old = await entities.getPackage(`${SYSTEM}/${entry.name}`);
  const document = old ? revisedPackage(old, body, clock()) : newPackage(SYSTEM, entry.name, body, clock());
  return (await entities.putPackage(document))._rev;
}

async function putAction(
  { entities, limits, clock }: InstallParts,
  packageName: string,
  action: CatalogAction,
  kind: string,
): Promise<string | undefined> {
  const path = `${SYSTEM}/${packageName}`;
  const body = {
    exec: { kind, code: action.code, binary: false },
    parameters: keyValues(action.parameters ?? {}),
    annotations: keyValues({
      description: action.description,
      ...parametersNote(action.takes),
      ...action.annotations,
    }),
  };
  const old = await entities.getAction(`${path}/${action.name}`);
  const document = old
    ? revisedAction(old, body, clock())
    : newAction(path, action.name, body, { limits, requireApiKeyAnnotation: true }, clock());
  return (await entities.putAction(document))._rev;
}

function parametersNote(takes: readonly ParameterNote[] | undefined): JsonObject {
  return takes ? { parameters: takes.map((note): JsonObject => ({ ...note })) } : {};
}

function keyValues(object: JsonObject): KeyValue[] {
  return Object.entries(object).map(([key, value]: [string, Json]) => ({ key, value }));
}

/** The digest of a package without its actions. */
function entryDigest({ name, description, takes, parameters }: CatalogPackage): string {
  return digestOf({ name, description, takes, parameters });
}

function digestOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
