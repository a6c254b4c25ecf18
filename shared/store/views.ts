import { isJson, type Json } from '../entities/keyvalue.js';
import type { ViewKey, ViewName } from './ArtifactStore.js';

/*
 * The rows of each view for a document, equal to those of the JavaScript views of OpenWhisk's design documents (facts
 * from github: apache/openwhisk, `ansible/files/*_design_document*.json`). A view is a pure function of one document.
 * The value omits missing fields, as JSON does.
 */

/** A document for a view. Each field may be missing or have another type. */
export type AnyDocument = Readonly<Record<string, unknown>>;

export interface Emitted {
  readonly key: ViewKey;
  readonly value: Json;
}

export type View = (document: AnyDocument) => Emitted[];

/** The databases of an installation. */
export type DatabaseName = 'whisks' | 'activations' | 'subjects';

/** An action by its namespace and, for an action in a package, by the root namespace. */
const actions: View = (doc) => {
  if (doc['exec'] === undefined || !isObject(doc['exec'])) return [];
  const exec = { binary: asJson(doc['exec']['binary'] || false) };
  return underNamespaceAndRoot(doc, () => ({ ...summary(doc), ...pick(doc, ['limits']), exec, ...pick(doc, UPDATED) }));
};

const packages: View = (doc) => {
  const binding = doc['binding'];
  if (!isObject(binding)) return [];
  const value = {
    ...summary(doc),
    ...pick(doc, UPDATED),
    binding: Object.keys(binding).length > 0 ? asJson(binding) : false,
  };
  return [{ key: [part(doc['namespace']), part(doc['updated'])], value }];
};

/** Published packages, without bindings. */
const publicPackages: View = (doc) => {
  const binding = doc['binding'];
  if (!isObject(binding) || !doc['publish'] || Object.keys(binding).length > 0) return [];
  const value = { ...summary(doc), ...pick(doc, UPDATED), binding: false };
  return [{ key: [part(doc['namespace']), part(doc['updated'])], value }];
};

const rules: View = (doc) => (doc['trigger'] === undefined ? [] : underNamespaceAndRoot(doc, () => 1));

const triggers: View = (doc) =>
  doc['exec'] === undefined && doc['binding'] === undefined && doc['parameters'] !== undefined
    ? underNamespaceAndRoot(doc, () => ({ ...summary(doc), ...pick(doc, UPDATED) }))
    : [];

/** The activations of a namespace by their start. */
const activations: View = (doc) =>
  doc['activationId'] === undefined
    ? []
    : [{ key: [part(doc['namespace']), part(doc['start'])], value: activationSummary(doc) }];

/** The activations of one action (`namespace/name` or `namespace/package/name`) by their start. */
const activationsByName: View = (doc) => {
  if (doc['activationId'] === undefined || !Array.isArray(doc['annotations'])) return [];
  const path = `${String(doc['namespace'])}/${packagedName(doc['name'], doc['annotations'])}`;
  return [{ key: [path, part(doc['start'])], value: activationSummary(doc) }];
};

/** The colored activations of a namespace, and of one action, by color and start. Uncolored ones have no row. */
const activationsByColor: View = (doc) => {
  if (doc['activationId'] === undefined || !Array.isArray(doc['annotations'])) return [];
  const color = doc['annotations'].filter(isObject).find(({ key }) => key === 'color')?.['value'];
  if (typeof color !== 'string') return [];
  const value = activationSummary(doc);
  const path = `${String(doc['namespace'])}/${packagedName(doc['name'], doc['annotations'])}`;
  return [part(doc['namespace']), path].map((place) => ({ key: [place, color, part(doc['start'])], value }));
};

/** All activations by start, for the removal of old ones. */
const activationsByDate: View = (doc) =>
  doc['activationId'] === undefined
    ? []
    : [{ key: part(doc['start']), value: [String(doc['_id']), asJson(doc['_rev'] ?? null)] }];

/** The namespaces of subjects that are not blocked, by name and by the two halves of the key. */
const identities: View = (doc) => {
  const namespaces = doc['namespaces'];
  if (!Array.isArray(namespaces) || doc['blocked']) return [];
  return namespaces.filter(isObject).flatMap((namespace) => {
    const { name, uuid, key } = namespace;
    const value = {
      _id: `${String(name)}/limits`,
      ...definedFields({ namespace: name, uuid, key }),
    };
    return [
      { key: [part(name)], value },
      { key: [part(uuid), part(key)], value },
    ];
  });
};

/** The blocked namespaces: with a limit of 0, or with a blocked subject. */
const blockedNamespaces: View = (doc) => {
  const id = String(doc['_id']);
  if (id.includes('/limits')) {
    const shut = doc['concurrentInvocations'] === 0 || doc['invocationsPerMinute'] === 0;
    return shut ? [{ key: id.replace('/limits', ''), value: 1 }] : [];
  }
  if (!doc['subject'] || !doc['blocked'] || !Array.isArray(doc['namespaces'])) return [];
  return doc['namespaces'].filter(isObject).map((namespace) => ({ key: part(namespace['name']), value: 1 }));
};

export const VIEWS: Readonly<Record<ViewName, View>> = {
  'whisks.v2.1.0/actions': actions,
  'whisks.v2.1.0/packages': packages,
  'whisks.v2.1.0/packages-public': publicPackages,
  'whisks.v2.1.0/rules': rules,
  'whisks.v2.1.0/triggers': triggers,
  'whisks.v2.1.0/activations': activations,
  'whisks-filters.v2.1.1/activations': activationsByName,
  'palette.v1.0.0/activations-by-color': activationsByColor,
  'activations/byDate': activationsByDate,
  'subjects.v2.0.0/identities': identities,
  'namespaceThrottlings/blockedNamespaces': blockedNamespaces,
};

/** The views of each database. */
export const VIEWS_OF: Readonly<Record<DatabaseName, readonly ViewName[]>> = {
  whisks: [
    'whisks.v2.1.0/actions',
    'whisks.v2.1.0/packages',
    'whisks.v2.1.0/packages-public',
    'whisks.v2.1.0/rules',
    'whisks.v2.1.0/triggers',
  ],
  activations: [
    'whisks.v2.1.0/activations',
    'whisks-filters.v2.1.1/activations',
    'palette.v1.0.0/activations-by-color',
    'activations/byDate',
  ],
  subjects: ['subjects.v2.0.0/identities', 'namespaceThrottlings/blockedNamespaces'],
};

const SUMMARY = ['namespace', 'name', 'version', 'publish', 'annotations'] as const;
const ACTIVATION_SUMMARY = [...SUMMARY, 'activationId', 'start'] as const;
const UPDATED = ['updated'] as const;

const summary = (doc: AnyDocument): Record<string, Json> => pick(doc, SUMMARY);

/** The last document with a summary. Several views of an activation have the same one, one after the other. */
let summarized: { readonly doc: AnyDocument; readonly value: Json } | undefined;

/** The summary of an activation for lists. `end`, `duration` and `statusCode` are present only if it has ended. */
function activationSummary(doc: AnyDocument): Json {
  if (summarized?.doc !== doc) summarized = { doc, value: summaryOfActivation(doc) };
  return summarized.value;
}

function summaryOfActivation(doc: AnyDocument): Json {
  const { start, response, cause } = doc;
  const end = doc['end'] === 0 ? undefined : doc['end'];
  const value = pick(doc, ACTIVATION_SUMMARY);
  if (end !== undefined) value['end'] = asJson(end);
  if (typeof end === 'number' && typeof start === 'number') value['duration'] = end - start;
  if (cause !== undefined) value['cause'] = asJson(cause);
  const statusCode = end !== undefined && isObject(response) ? response['statusCode'] : undefined;
  if (statusCode !== undefined) value['statusCode'] = asJson(statusCode);
  return value;
}

/**
 * `package/name` for an action in a package, by the annotations `binding` and `path`; otherwise the name.
 */
function packagedName(name: unknown, annotations: readonly unknown[]): string {
  let path: unknown;
  let binding: unknown;
  for (const annotation of annotations) {
    if (!isObject(annotation)) continue;
    if (annotation['key'] === 'path') path = annotation['value'];
    if (annotation['key'] === 'binding') binding = annotation['value'];
  }
  if (binding) return typeof binding === 'string' ? `${binding.split('/')[1]}/${String(name)}` : String(name);
  const parts = typeof path === 'string' ? path.split('/') : [];
  return parts.length === 3 ? `${parts[1]}/${String(name)}` : String(name);
}

function underNamespaceAndRoot(doc: AnyDocument, value: () => Json): Emitted[] {
  const namespace = doc['namespace'];
  if (typeof namespace !== 'string') return [];
  const updated = part(doc['updated']);
  const emitted = { key: [namespace, updated], value: value() };
  const slash = namespace.indexOf('/');
  return slash < 0 ? [emitted] : [emitted, { key: [namespace.slice(0, slash), updated], value: emitted.value }];
}

function pick(doc: AnyDocument, fields: readonly string[]): Record<string, Json> {
  const out: Record<string, Json> = {};
  for (const field of fields) if (doc[field] !== undefined) out[field] = asJson(doc[field]);
  return out;
}

function definedFields(fields: Readonly<Record<string, unknown>>): Record<string, Json> {
  return pick(fields, Object.keys(fields));
}

/** A part of a key. A missing value becomes null. */
const part = (value: unknown): string | number | null =>
  typeof value === 'string' || typeof value === 'number' ? value : null;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** A value of a document as JSON. Documents come from JSON; any other value becomes null, as in JSON's arrays. */
const asJson = (value: unknown): Json => (isJson(value) ? value : null);
