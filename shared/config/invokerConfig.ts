import { hostname } from 'node:os';
import type { TlsOptions } from 'node:tls';
import { parseArgs } from 'node:util';
import type { KafkaOptions } from '../messaging/kafka/options.js';
import type { KafkaClientName } from '../messaging/clients/openKafka.js';
import type { TopicLimits, TopicName } from '../messaging/topics.js';
import { COUCHDB_SETTINGS, couchDbConfig, type CouchDbConfig } from './couchdbSettings.js';
import type { Environment } from './environment.js';
import { httpsOptions, httpsSettings } from './httpsSettings.js';
import { KAFKA_SETTINGS, kafkaOptions } from './kafkaSettings.js';
import { LIMIT_SETTINGS, limitsOf } from './limitSettings.js';
import type { Limits } from './limits.js';
import { topicLimits } from './topicSettings.js';
import { PROCESS_SETTINGS, processConfig, type ProcessConfig } from './processSettings.js';
import { ConfigurationError, optional, readSettings, standard } from './Setting.js';
import { bytes, duration, gpus, integer, fraction, list, megabytes, oneOf, port, text } from './values.js';

const STORE_LEVELS = ['STORE_ALWAYS', 'STORE_FAILURES', 'STORE_FAILURES_NOT_APPLICATION_ERRORS'] as const;

export const INVOKER_SETTINGS = {
  id: optional(
    'INVOKER_ID',
    integer(0, 100_000),
    'The number of this invoker (or `--id`). Without it, the unique name gets a number, which CouchDB keeps.',
  ),
  uniqueName: optional(
    'INVOKER_NAME',
    text,
    "The unique name of this invoker, unchanged by restarts (or `--uniqueName`; default: the host's name).",
  ),
  displayedName: optional('DISPLAYED_NAME', text, 'An additional name to show (or `--displayedName`).'),
  username: optional(
    'CONFIG_whisk_invoker_username',
    text,
    'The user of `/enable` and `/disable`. Without it they accept only requests from this machine.',
  ),
  password: optional('CONFIG_whisk_invoker_password', text, 'The password of this user.', { secret: true }),
  ...httpsSettings('invoker'),
  tags: standard('CONFIG_whisk_invoker_resource_tags', list, ',', 'The tags of this invoker.'),
  dedicatedNamespaces: standard(
    'CONFIG_whisk_invoker_dedicated_namespaces',
    list,
    ',',
    'The namespaces that this invoker is dedicated to.',
  ),
  userMemory: standard(
    'CONFIG_whisk_containerPool_userMemory',
    megabytes,
    '1024 m',
    'The memory of this host for action containers.',
  ),
  concurrentPeekFactor: standard(
    'CONFIG_whisk_containerPool_concurrentPeekFactor',
    fraction,
    '0.5',
    "The fraction of all containers' concurrency to fetch ahead.",
  ),
  waitingActivations: standard(
    'INVOKER_WAITING_ACTIVATIONS',
    integer(0),
    '10000',
    'So many activations an invoker takes from its topic besides those that its containers run, so that namespaces and actions take turns. What waits longer than that is served first come, first served.',
  ),
  waitingMemory: standard(
    'INVOKER_WAITING_MEMORY',
    megabytes,
    '64 m',
    'The messages of all the activations that an invoker has are of so many bytes together; past that it takes only what its containers can run.',
  ),
  pauseGrace: standard(
    'CONFIG_whisk_containerProxy_timeouts_pauseGrace',
    duration,
    '10 s',
    'The idle time after which a container is paused …',
  ),
  idleContainer: standard(
    'CONFIG_whisk_containerProxy_timeouts_idleContainer',
    duration,
    '10 m',
    '… and the time after which it is removed.',
  ),
  stateFolder: standard(
    'INVOKER_STATE_FOLDER',
    text,
    'data/invokers',
    'The folder of the journal of started activations. After a restart, the invoker does not run them again. It should outlive the process and its container.',
  ),
  drainTimeout: standard(
    'INVOKER_DRAIN_TIMEOUT',
    duration,
    '60 s',
    'How long an invoker that is told to stop lets its activations run. What has not begun after half of it stays in the topic.',
  ),
  containerDriver: standard(
    'CONTAINER_DRIVER',
    oneOf('docker', 'sandbox', 'process'),
    'docker',
    'Where actions run: in Docker, in processes that bubblewrap isolates, or in processes without isolation (for development).',
  ),
  dockerNetwork: standard(
    'CONFIG_whisk_containerFactory_containerArgs_network',
    text,
    'palette-whisk-isolated',
    'The Docker network of action containers. The default network is created if it is missing; its containers cannot reach each other.',
  ),
  extraHosts: standard(
    'CONTAINER_EXTRA_HOSTS',
    list,
    ',',
    'Additional host names for action containers, each as `NAME:ADDRESS`. With `host.docker.internal:host-gateway` they can reach services of this host.',
  ),
  dnsServers: optional(
    'CONFIG_whisk_containerFactory_containerArgs_dnsServers',
    list,
    'The DNS servers of action containers.',
  ),
  dnsSearch: standard(
    'CONFIG_whisk_containerFactory_containerArgs_dnsSearch',
    list,
    ',',
    'The DNS search domains of action containers.',
  ),
  dnsOptions: standard(
    'CONFIG_whisk_containerFactory_containerArgs_dnsOptions',
    list,
    ',',
    'The DNS options of action containers.',
  ),
  pidsLimit: standard(
    'CONTAINER_PIDS_LIMIT',
    integer(1),
    '1024',
    'The most processes and threads of an action container.',
  ),
  diskLimit: standard(
    'CONTAINER_DISK_LIMIT',
    bytes,
    '4 g',
    'The most that an action container may write to its disk (0: no limit). It has an effect only where the storage driver of Docker has quotas: see docs/security.md.',
  ),
  openFiles: standard(
    'CONTAINER_OPEN_FILES',
    integer(1),
    '1024',
    'The most open files of a process in an action container.',
  ),
  capabilities: standard(
    'CONTAINER_CAPABILITIES',
    list,
    ',',
    'Linux capabilities to add to action containers, such as `NET_BIND_SERVICE`.',
  ),
  gpus: optional(
    'CONTAINER_GPUS',
    gpus,
    'The GPUs of each action container: `all`, a number, or `device=ID,ID`, as for `docker run --gpus`. Docker needs a driver for them.',
  ),
  parallelRuns: standard(
    'CONFIG_whisk_docker_client_parallelRuns',
    integer(0),
    '10',
    'The most containers to create at once (0: no limit).',
  ),
  apiHostProtocol: standard(
    'WHISK_API_HOST_PROTO',
    oneOf('http', 'https'),
    'https',
    'The protocol with which actions reach the API.',
  ),
  apiHostName: optional(
    'WHISK_API_HOST_NAME',
    text,
    'The host at which actions reach the API (`__OW_API_HOST`; default: this host).',
  ),
  apiHostPort: standard('WHISK_API_HOST_PORT', port, '443', 'The port at which actions reach the API.'),
  storeBlocking: standard(
    'CONFIG_whisk_activation_storeBlockingResultLevel',
    oneOf(...STORE_LEVELS),
    'STORE_ALWAYS',
    'The blocking activations to record.',
  ),
  storeNonBlocking: standard(
    'CONFIG_whisk_activation_storeNonBlockingResultLevel',
    oneOf(...STORE_LEVELS),
    'STORE_ALWAYS',
    'The non-blocking activations to record.',
  ),
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...COUCHDB_SETTINGS,
  ...LIMIT_SETTINGS,
};

/** The configuration of an invoker process. */
export interface InvokerProcessConfig extends ProcessConfig {
  /** Undefined: to be assigned by `uniqueName` (see `shared/invokers/invokerIds.ts`). */
  readonly id: number | undefined;
  readonly uniqueName: string;
  readonly displayedName: string | undefined;
  /** An id to take from another name, as OpenWhisk's `--overwriteId`. */
  readonly overwriteId: number | undefined;
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  /** The options of HTTPS; undefined: HTTP. */
  readonly tls: TlsOptions | undefined;
  readonly tags: readonly string[];
  readonly dedicatedNamespaces: readonly string[];
  readonly userMemoryMB: number;
  readonly concurrentPeekFactor: number;
  readonly waitingActivations: number;
  readonly waitingBytes: number;
  readonly pauseGraceMs: number;
  readonly idleContainerMs: number;
  readonly stateFolder: string;
  readonly drainTimeoutMs: number;
  readonly containers: {
    readonly driver: 'docker' | 'sandbox' | 'process';
    readonly network: string;
    readonly dns: readonly string[];
    readonly dnsSearch: readonly string[];
    readonly dnsOptions: readonly string[];
    readonly extraHosts: readonly string[];
    readonly pidsLimit: number;
    readonly diskBytes: number;
    readonly openFiles: number;
    readonly addCapabilities: readonly string[];
    readonly gpus: 'all' | number | readonly string[] | undefined;
    readonly parallelRuns: number;
  };
  /** The URL of the API, such as `https://host:443`. */
  readonly apiHost: string;
  readonly storeLevels: { readonly blocking: StoreLevelName; readonly nonBlocking: StoreLevelName };
  readonly userEvents: boolean;
  readonly limits: Limits;
  readonly kafka: KafkaOptions;
  readonly kafkaClient: KafkaClientName;
  readonly topicsPrefix: string;
  readonly userEventPrefix: string;
  readonly topicLimits: Readonly<Record<TopicName, TopicLimits>>;
  readonly couchDb: CouchDbConfig;
}

export type StoreLevelName = (typeof STORE_LEVELS)[number];

/**
 * @param args the command line with OpenWhisk's options: `--id`, `--uniqueName`, `--displayedName`, `--overwriteId`.
 * @throws ConfigurationError
 */
export function invokerConfig(environment: Environment, args: readonly string[] = []): InvokerProcessConfig {
  const given = commandLine(args);
  const values = readSettings(INVOKER_SETTINGS, { ...environment, ...given.named });
  const { username, password } = values;
  if ((username === undefined) !== (password === undefined)) {
    const { username: user, password: secret } = INVOKER_SETTINGS;
    throw new ConfigurationError(`${user.name} and ${secret.name} are both needed, or neither`);
  }
  const uniqueName = values.uniqueName ?? hostname();
  return {
    ...processConfig(values),
    id: values.id,
    uniqueName,
    displayedName: values.displayedName,
    overwriteId: given.overwriteId,
    operator: username === undefined || password === undefined ? undefined : { username, password },
    tls: httpsOptions(INVOKER_SETTINGS, values),
    tags: values.tags,
    dedicatedNamespaces: values.dedicatedNamespaces,
    userMemoryMB: values.userMemory,
    concurrentPeekFactor: values.concurrentPeekFactor,
    waitingActivations: values.waitingActivations,
    waitingBytes: values.waitingMemory * 1024 * 1024,
    pauseGraceMs: values.pauseGrace,
    idleContainerMs: values.idleContainer,
    stateFolder: values.stateFolder,
    drainTimeoutMs: values.drainTimeout,
    containers: {
      driver: values.containerDriver,
      network: values.dockerNetwork,
      dns: values.dnsServers ?? [],
      dnsSearch: values.dnsSearch,
      dnsOptions: values.dnsOptions,
      extraHosts: values.extraHosts,
      pidsLimit: values.pidsLimit,
      diskBytes: values.diskLimit,
      openFiles: values.openFiles,
      addCapabilities: values.capabilities,
      gpus: values.gpus,
      parallelRuns: values.parallelRuns,
    },
    apiHost: `${values.apiHostProtocol}://${values.apiHostName ?? hostname()}:${values.apiHostPort}`,
    storeLevels: { blocking: values.storeBlocking, nonBlocking: values.storeNonBlocking },
    userEvents: values.userEvents,
    limits: limitsOf(values),
    kafka: kafkaOptions(values, `invoker-${uniqueName}`),
    kafkaClient: values.kafkaClient,
    topicsPrefix: values.topicsPrefix ?? '',
    userEventPrefix: values.userEventPrefix ?? '',
    topicLimits: topicLimits(environment),
    couchDb: couchDbConfig(values),
  };
}

/** Parses the command line into settings by their environment variables, and `--overwriteId`, which has no variable. */
function commandLine(args: readonly string[]): { named: Environment; overwriteId: number | undefined } {
  const string = { type: 'string' } as const;
  const options = { id: string, uniqueName: string, displayedName: string, overwriteId: string };
  let given: { [name in keyof typeof options]?: string | undefined };
  try {
    given = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch {
    throw new ConfigurationError(
      `an invoker takes --id, --uniqueName, --displayedName and --overwriteId, not '${args.join(' ')}'`,
    );
  }
  const { overwriteId } = given;
  if (overwriteId !== undefined && !/^\d{1,6}$/.test(overwriteId)) {
    throw new ConfigurationError(`--overwriteId must be a whole number from 0, not '${overwriteId}'`);
  }
  const named = (['id', 'uniqueName', 'displayedName'] as const).flatMap((option): [string, string][] => {
    const value = given[option]?.trim() ?? '';
    return value === '' ? [] : [[INVOKER_SETTINGS[option].name, value]];
  });
  return {
    named: Object.fromEntries(named),
    overwriteId: overwriteId === undefined ? undefined : Number(overwriteId),
  };
}
