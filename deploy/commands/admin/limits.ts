import { isPolicyName, POLICY_NAMES } from '../../../shared/colors/ColorPolicy.js';
import { writeBytes } from '../../../shared/runtimes/quantities.js';
import { namespaceFault } from '../../../shared/entities/subjects.js';
import type { ArtifactStore } from '../../../shared/store/ArtifactStore.js';
import { AdminError } from './AdminError.js';

/** The type of each limit's value. A `list` takes several texts. */
const LIMIT_TYPES = {
  invocationsPerMinute: 'number',
  firesPerMinute: 'number',
  concurrentInvocations: 'number',
  allowedKinds: 'list',
  storeActivations: 'boolean',
  minActionMemory: 'number',
  maxActionMemory: 'number',
  minActionLogs: 'number',
  maxActionLogs: 'number',
  minActionTimeout: 'number',
  maxActionTimeout: 'number',
  minActionConcurrency: 'number',
  maxActionConcurrency: 'number',
  maxActionInstances: 'number',
  maxParameterSize: 'size',
  maxPayloadSize: 'size',
  truncationSize: 'size',
  objectsMemory: 'size',
  warmedContainerKeepingCount: 'number',
  warmedContainerKeepingTimeout: 'text',
  colorPolicy: 'policy',
  colorPolicies: 'list',
} as const;

export type LimitName = keyof typeof LIMIT_TYPES;
const isLimitName = (name: string): name is LimitName => Object.hasOwn(LIMIT_TYPES, name);
export const LIMIT_NAMES: readonly LimitName[] = Object.keys(LIMIT_TYPES).filter(isLimitName);
export const isList = (name: LimitName): boolean => LIMIT_TYPES[name] === 'list';

/** Parses the value of a limit from the command line. @throws AdminError if it is invalid */
export function parseLimit(name: LimitName, texts: readonly string[]): number | boolean | string | string[] {
  const type = LIMIT_TYPES[name];
  const text = texts.at(-1) ?? '';
  if (type === 'list') return [...texts];
  if (type === 'text') return text;
  if (type === 'size') {
    try {
      return writeBytes(text);
    } catch {
      throw new AdminError(`--${name} takes a size such as '512 KB', not '${text}'`, 2);
    }
  }
  if (type === 'policy') {
    if (isPolicyName(text)) return text;
    throw new AdminError(`--${name} is one of ${POLICY_NAMES.join(', ')}, not '${text}'`, 2);
  }
  if (type === 'boolean') {
    if (/^(yes|true)$/i.test(text)) return true;
    if (/^(no|false)$/i.test(text)) return false;
    throw new AdminError(`--${name} takes true or false, not '${text}'`, 2);
  }
  if (!/^\d+$/.test(text)) throw new AdminError(`--${name} takes a whole number, not '${text}'`, 2);
  // A larger number would be stored as another number or as null, and no user could log in to the namespace.
  if (!Number.isSafeInteger(Number(text))) {
    throw new AdminError(`--${name} takes a whole number up to ${Number.MAX_SAFE_INTEGER}`, 2);
  }
  return Number(text);
}

const idOf = (namespace: string): string => `${namespace}/limits`;

const IDENTITIES = 'subjects.v2.0.0/identities';

/**
 * Sets limits of a namespace. The other limits stay unchanged.
 * @param force whether the namespace may be one to which no subject has a key.
 */
export async function setLimits(
  subjects: ArtifactStore,
  namespace: string,
  limits: Readonly<Partial<Record<LimitName, unknown>>>,
  force: boolean,
): Promise<string[]> {
  const fault = namespaceFault(namespace);
  if (fault !== undefined) throw new AdminError(fault, 2);
  if (!force && !(await isKnown(subjects, namespace))) {
    throw new AdminError(`no user has a key to the namespace "${namespace}"; --force sets its limits nevertheless`);
  }
  const found = await subjects.get(idOf(namespace));
  await subjects.put({ ...found, ...limits, _id: idOf(namespace) });
  return [`Limits successfully set for "${namespace}"`];
}

/** Whether a subject has a key to the namespace. The view lacks blocked subjects. */
async function isKnown(subjects: ArtifactStore, namespace: string): Promise<boolean> {
  const rows = await subjects.query(IDENTITIES, { startKey: [namespace], endKey: [namespace], limit: 1 });
  return rows.length > 0 || (await subjects.get(namespace)) !== undefined;
}

/** A line `name = value` for each limit, in the format of `wskadmin`; with `json` one JSON object. */
export async function getLimits(subjects: ArtifactStore, namespace: string, json: boolean): Promise<string[]> {
  const found = await subjects.get(idOf(namespace));
  const limits = LIMIT_NAMES.flatMap((name): [string, unknown][] => {
    const value = found?.[name] ?? undefined;
    return value === undefined ? [] : [[name, value]];
  });
  if (json) return [JSON.stringify(Object.fromEntries(limits))];
  if (!found) return ['No limits found, default system limits apply'];
  return limits.map(([name, value]) => `${name} = ${inPython(value)}`);
}

/** A value as Python prints it: scripts read the lines of `wskadmin`. */
function inPython(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map((entry) => `'${String(entry)}'`).join(', ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export async function deleteLimits(subjects: ArtifactStore, namespace: string): Promise<string[]> {
  const found = await subjects.get(idOf(namespace));
  if (!found) throw new AdminError(`"${namespace}" has no limits`);
  await subjects.delete(found._id, found._rev);
  return ['Limits deleted'];
}
