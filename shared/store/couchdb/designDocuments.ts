import type { DatabaseName } from '../views.js';

/*
 * The design documents of each database, with OpenWhisk's names and the keys and values of its views. They use the
 * JavaScript of 2011, which every CouchDB supports. A test compares their rows with those of `views.ts`.
 *
 * A view's name contains its version. An existing design document stays unchanged: its views may be large, and Apache
 * OpenWhisk may use them.
 */

export interface DesignDocument {
  readonly _id: string;
  readonly language: 'javascript';
  readonly views: Readonly<Record<string, { readonly map: string; readonly reduce?: string }>>;
  readonly filters?: Readonly<Record<string, string>>;
}

/** Copies the existing fields of `doc`. */
const PICK = `function pick(doc, fields) {
  var out = {};
  for (var i = 0; i < fields.length; i++) if (doc[fields[i]] !== undefined) out[fields[i]] = doc[fields[i]];
  return out;
}`;

const SUMMARY = `['namespace', 'name', 'version', 'publish', 'annotations']`;
const LISTED = `['namespace', 'name', 'version', 'publish', 'annotations', 'updated']`;

/** Emits a row for the entity's namespace and, for an entity in a package, for the root namespace. */
const EMIT_TWICE = `function emitTwice(doc, value) {
  if (typeof doc.namespace !== 'string') return;
  var root = doc.namespace.split('/')[0];
  emit([doc.namespace, doc.updated], value);
  if (root !== doc.namespace) emit([root, doc.updated], value);
}`;

const ACTIVATION_SUMMARY = `function summaryOf(doc) {
  var value = pick(doc, ['namespace', 'name', 'version', 'publish', 'annotations', 'activationId', 'start', 'cause']);
  if (doc.end !== 0 && doc.end !== undefined) {
    value.end = doc.end;
    if (typeof doc.end === 'number' && typeof doc.start === 'number') value.duration = doc.end - doc.start;
    if (doc.response && doc.response.statusCode !== undefined) value.statusCode = doc.response.statusCode;
  }
  return value;
}`;

const isBinding = `doc.binding && typeof doc.binding === 'object'`;

const map = (body: string, ...parts: readonly string[]): string =>
  `function (doc) {\n${[...parts, body].join('\n').replaceAll(/^/gm, '  ')}\n}`;

const WHISKS: DesignDocument = {
  _id: '_design/whisks.v2.1.0',
  language: 'javascript',
  views: {
    rules: {
      map: map(`if (doc.trigger !== undefined) emitTwice(doc, 1);`, EMIT_TWICE),
      reduce: '_count',
    },
    'packages-public': {
      map: map(
        `if (!(${isBinding}) || !doc.publish || Object.keys(doc.binding).length > 0) return;
var value = pick(doc, ${LISTED});
value.binding = false;
emit([doc.namespace, doc.updated], value);`,
        PICK,
      ),
      reduce: '_count',
    },
    packages: {
      map: map(
        `if (!(${isBinding})) return;
var value = pick(doc, ${LISTED});
value.binding = Object.keys(doc.binding).length > 0 ? doc.binding : false;
emit([doc.namespace, doc.updated], value);`,
        PICK,
      ),
      reduce: '_count',
    },
    actions: {
      map: map(
        `if (!doc.exec || typeof doc.exec !== 'object') return;
var value = pick(doc, ${SUMMARY}.concat(['limits', 'updated']));
value.exec = { binary: doc.exec.binary || false };
emitTwice(doc, value);`,
        PICK,
        EMIT_TWICE,
      ),
      reduce: '_count',
    },
    triggers: {
      map: map(
        `if (doc.exec === undefined && doc.binding === undefined && doc.parameters !== undefined) {
  emitTwice(doc, pick(doc, ${LISTED}));
}`,
        PICK,
        EMIT_TWICE,
      ),
      reduce: '_count',
    },
  },
};

const PACKAGED_NAME = `function packagedName(doc) {
  var path, binding;
  for (var i = 0; i < doc.annotations.length; i++) {
    var annotation = doc.annotations[i];
    if (!annotation) continue;
    if (annotation.key === 'path') path = annotation.value;
    if (annotation.key === 'binding') binding = annotation.value;
  }
  if (binding) return typeof binding === 'string' ? binding.split('/')[1] + '/' + doc.name : doc.name;
  var parts = typeof path === 'string' ? path.split('/') : [];
  return parts.length === 3 ? parts[1] + '/' + doc.name : doc.name;
}`;

const ACTIVATIONS: DesignDocument = {
  _id: '_design/whisks.v2.1.0',
  language: 'javascript',
  views: {
    activations: {
      map: map(
        `if (doc.activationId !== undefined) emit([doc.namespace, doc.start], summaryOf(doc));`,
        PICK,
        ACTIVATION_SUMMARY,
      ),
      reduce: '_count',
    },
  },
};

const ACTIVATIONS_BY_NAME: DesignDocument = {
  _id: '_design/whisks-filters.v2.1.1',
  language: 'javascript',
  views: {
    activations: {
      map: map(
        `if (doc.activationId === undefined || !Array.isArray(doc.annotations)) return;
emit([doc.namespace + '/' + packagedName(doc), doc.start], summaryOf(doc));`,
        PICK,
        ACTIVATION_SUMMARY,
        PACKAGED_NAME,
      ),
      reduce: '_count',
    },
  },
};

/** An extension, which Apache OpenWhisk does not use. */
const ACTIVATIONS_BY_COLOR: DesignDocument = {
  _id: '_design/palette.v1.0.0',
  language: 'javascript',
  views: {
    'activations-by-color': {
      map: map(
        `if (doc.activationId === undefined || !Array.isArray(doc.annotations)) return;
for (var i = 0; i < doc.annotations.length; i++) {
  var annotation = doc.annotations[i];
  if (!annotation || annotation.key !== 'color') continue;
  if (typeof annotation.value === 'string') {
    emit([doc.namespace, annotation.value, doc.start], summaryOf(doc));
    emit([doc.namespace + '/' + packagedName(doc), annotation.value, doc.start], summaryOf(doc));
  }
  return;
}`,
        PICK,
        ACTIVATION_SUMMARY,
        PACKAGED_NAME,
      ),
      reduce: '_count',
    },
  },
};

/** For the removal of old records. */
const ACTIVATIONS_BY_DATE: DesignDocument = {
  _id: '_design/activations',
  language: 'javascript',
  views: {
    byDate: { map: map(`if (doc.activationId !== undefined) emit(doc.start, [doc._id, doc._rev]);`) },
  },
};

/** The records with logs, except for those of sequences, whose logs are the ids of their components. */
const LOG_CLEANUP: DesignDocument = {
  _id: '_design/logCleanup',
  language: 'javascript',
  views: {
    byDateWithLogs: {
      map: map(
        `if (doc.activationId === undefined || !doc.logs || !doc.logs.length || !Array.isArray(doc.annotations)) return;
for (var i = 0; i < doc.annotations.length; i++) {
  if (doc.annotations[i] && doc.annotations[i].key === 'kind') {
    if (doc.annotations[i].value === 'sequence') return;
    break;
  }
}
emit(doc.start, doc._id);`,
      ),
    },
  },
};

const IDENTITIES: DesignDocument = {
  _id: '_design/subjects.v2.0.0',
  language: 'javascript',
  views: {
    identities: {
      map: map(
        `if (!Array.isArray(doc.namespaces) || doc.blocked) return;
for (var i = 0; i < doc.namespaces.length; i++) {
  var space = doc.namespaces[i];
  if (!space) continue;
  var value = { _id: space.name + '/limits', namespace: space.name, uuid: space.uuid, key: space.key };
  emit([space.name], value);
  emit([space.uuid, space.key], value);
}`,
      ),
    },
  },
};

const BLOCKED: DesignDocument = {
  _id: '_design/namespaceThrottlings',
  language: 'javascript',
  views: {
    blockedNamespaces: {
      map: map(
        `if (doc._id.indexOf('/limits') >= 0) {
  if (doc.concurrentInvocations === 0 || doc.invocationsPerMinute === 0) emit(doc._id.replace('/limits', ''), 1);
} else if (doc.subject && doc.blocked && Array.isArray(doc.namespaces)) {
  for (var i = 0; i < doc.namespaces.length; i++) if (doc.namespaces[i]) emit(doc.namespaces[i].name, 1);
}`,
      ),
      reduce: '_sum',
    },
  },
};

/** For replication: documents that are neither deleted nor design documents. */
const SNAPSHOT_FILTERS: DesignDocument = {
  _id: '_design/snapshotFilters',
  language: 'javascript',
  views: {},
  filters: {
    withoutDeletedAndDesignDocuments: `function (doc, req) {
  return !doc._deleted && doc._id.indexOf('_design/') !== 0;
}`,
  },
};

export const DESIGN_DOCUMENTS: Readonly<Record<DatabaseName, readonly DesignDocument[]>> = {
  whisks: [WHISKS, SNAPSHOT_FILTERS],
  activations: [
    ACTIVATIONS,
    ACTIVATIONS_BY_NAME,
    ACTIVATIONS_BY_COLOR,
    ACTIVATIONS_BY_DATE,
    LOG_CLEANUP,
    SNAPSHOT_FILTERS,
  ],
  subjects: [IDENTITIES, BLOCKED, SNAPSHOT_FILTERS],
};

/** Design documents that neither invocations nor OpenWhisk's API need. Without ours, lists by color do not work. */
export const DISPENSABLE: ReadonlySet<string> = new Set(
  [ACTIVATIONS_BY_COLOR, ACTIVATIONS_BY_DATE, LOG_CLEANUP, SNAPSHOT_FILTERS].map(({ _id }) => _id),
);
