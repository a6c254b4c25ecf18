import { optional, required, standard, type SettingValues } from './Setting.js';
import { bytes, duration, flag, oneOf, port, text } from './values.js';

/** The connection to CouchDB and the names of its databases. */
export const COUCHDB_SETTINGS = {
  couchProtocol: standard(
    'CONFIG_whisk_couchdb_protocol',
    oneOf('http', 'https'),
    'http',
    'The protocol of CouchDB: `http` or `https`.',
  ),
  couchHost: required('CONFIG_whisk_couchdb_host', text, 'the host of CouchDB'),
  couchPort: standard('CONFIG_whisk_couchdb_port', port, '5984', 'The port of CouchDB.'),
  couchUsername: optional('CONFIG_whisk_couchdb_username', text, 'The user of CouchDB.'),
  couchPassword: optional('CONFIG_whisk_couchdb_password', text, 'The password of this user.', { secret: true }),
  couchCa: optional(
    'CONFIG_whisk_couchdb_caFile',
    text,
    "A PEM file of additional certificate authorities for CouchDB's certificate.",
  ),
  whisksDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskEntity',
    text,
    'whisk_local_whisks',
    'The database of actions, packages, rules and triggers.',
  ),
  activationsDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskActivation',
    text,
    'whisk_local_activations',
    'The database of activations.',
  ),
  subjectsDatabase: standard(
    'CONFIG_whisk_couchdb_databases_WhiskAuth',
    text,
    'whisk_local_subjects',
    'The database of subjects and their keys.',
  ),
  actionsDdoc: standard('CONFIG_whisk_db_actionsDdoc', text, 'whisks.v2.1.0', 'The design document of entities.'),
  activationsDdoc: standard(
    'CONFIG_whisk_db_activationsDdoc',
    text,
    'whisks.v2.1.0',
    'The design document of activations.',
  ),
  activationsFilterDdoc: standard(
    'CONFIG_whisk_db_activationsFilterDdoc',
    text,
    'whisks-filters.v2.1.1',
    'The design document for activations by name.',
  ),
  subjectsDdoc: standard('CONFIG_whisk_db_subjectsDdoc', text, 'subjects.v2.0.0', 'The design document of subjects.'),
  maxInlineBytes: standard(
    'CONFIG_whisk_db_maxInlineSize',
    bytes,
    '16 k',
    "The largest code in the action's document. Larger code becomes an attachment of it.",
  ),
  maxStale: standard(
    'CONFIG_whisk_couchdb_maxStale',
    duration,
    '10 minutes',
    'While CouchDB does not answer, controllers use cached users, actions, packages, triggers and rules up to this age. Users up to an age of 10 s and entities up to 5 minutes are used in any case, also with `0 s`.',
  ),
  listWait: standard(
    'CONFIG_whisk_couchdb_listWait',
    duration,
    '5 s',
    'A list of activations waits for this time until the index of CouchDB has the newest records. After that, it lacks them.',
  ),
  createDatabases: standard(
    'CONFIG_whisk_couchdb_create',
    flag,
    'true',
    'Whether the process creates missing databases and design documents at its start.',
  ),
};

/** The connection to CouchDB. */
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
  /** The largest age of cached identities and entities while CouchDB is unavailable, in ms. */
  readonly maxStaleMs: number;
  /** The longest wait of a list of activations for the newest records, in ms. */
  readonly listWaitMs: number;
  /** Whether to create missing databases and design documents. */
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
    listWaitMs: values.listWait,
    create: values.createDatabases,
  };
}
