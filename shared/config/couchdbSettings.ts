import { optional, required, standard, type SettingValues } from './Setting.js';
import { bytes, duration, flag, oneOf, port, text } from './values.js';

/** How to reach CouchDB and what its databases are called. */
export const COUCHDB_SETTINGS = {
  couchProtocol: standard('CONFIG_whisk_couchdb_protocol', oneOf('http', 'https'), 'http', 'How CouchDB is spoken to.'),
  couchHost: required('CONFIG_whisk_couchdb_host', text, 'the host of CouchDB'),
  couchPort: standard('CONFIG_whisk_couchdb_port', port, '5984', 'The port of CouchDB.'),
  couchUsername: optional('CONFIG_whisk_couchdb_username', text, 'User of CouchDB.'),
  couchPassword: optional('CONFIG_whisk_couchdb_password', text, 'Password of that user.', { secret: true }),
  couchCa: optional(
    'CONFIG_whisk_couchdb_caFile',
    text,
    "File of PEM certificates that may sign CouchDB's, besides the well-known ones.",
  ),
  whisksDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskEntity',
    text,
    'whisk_local_whisks',
    'Database of actions, packages, rules and triggers.',
  ),
  activationsDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskActivation',
    text,
    'whisk_local_activations',
    'Database of activations.',
  ),
  subjectsDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskAuth',
    text,
    'whisk_local_subjects',
    'Database of subjects and their keys.',
  ),
  actionsDdoc: standard('CONFIG_whisk_db_actionsDdoc', text, 'whisks.v2.1.0', 'Design document of entities.'),
  activationsDdoc: standard(
    'CONFIG_whisk_db_activationsDdoc',
    text,
    'whisks.v2.1.0',
    'Design document of activations.',
  ),
  activationsFilterDdoc: standard(
    'CONFIG_whisk_db_activationsFilterDdoc',
    text,
    'whisks-filters.v2.1.1',
    'Design document of activations by name.',
  ),
  subjectsDdoc: standard('CONFIG_whisk_db_subjectsDdoc', text, 'subjects.v2.0.0', 'Design document of subjects.'),
  maxInlineBytes: standard(
    'CONFIG_whisk_db_maxInlineSize',
    bytes,
    '16 k',
    "Code up to this size is kept inside the action's document, larger code as an attachment.",
  ),
  maxStale: standard(
    'CONFIG_whisk_couchdb_maxStale',
    duration,
    '10 minutes',
    'How old a known user, action, package, trigger or rule may be that is used while CouchDB is away (`0 s`: none). What was read in the last 10 s (users) or 5 minutes (entities) is used in any case.',
  ),
  createDatabases: standard(
    'CONFIG_whisk_couchdb_create',
    flag,
    'true',
    'Whether missing databases and design documents are made at start.',
  ),
};

/** How to reach CouchDB. */
export interface CouchDbConfig {
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly caFile: string | undefined;
  readonly databases: { readonly whisks: string; readonly activations: string; readonly subjects: string };
  readonly designDocuments: {
    readonly actions: string;
    readonly activations: string;
    readonly activationsFilter: string;
    readonly subjects: string;
  };
  readonly maxInlineBytes: number;
  /** How old a known identity or entity may be that is used while CouchDB is away, in ms. */
  readonly maxStaleMs: number;
  /** Make missing databases and design documents. */
  readonly create: boolean;
}

export function couchDbConfig(values: SettingValues<typeof COUCHDB_SETTINGS>): CouchDbConfig {
  return {
    url: `${values.couchProtocol}://${values.couchHost}:${values.couchPort}`,
    username: values.couchUsername,
    password: values.couchPassword,
    caFile: values.couchCa,
    databases: {
      whisks: values.whisksDatabase,
      activations: values.activationsDatabase,
      subjects: values.subjectsDatabase,
    },
    designDocuments: {
      actions: values.actionsDdoc,
      activations: values.activationsDdoc,
      activationsFilter: values.activationsFilterDdoc,
      subjects: values.subjectsDdoc,
    },
    maxInlineBytes: values.maxInlineBytes,
    maxStaleMs: values.maxStale,
    create: values.createDatabases,
  };
}
