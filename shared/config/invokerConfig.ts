import { hostname } from 'node:os';
import type { TlsOptions } from 'node:tls';
import { parseArgs } from 'node:util';
import type { KafkaOptions } from '../messaging/kafka/options.js';
import type { KafkaClientName } from '../messaging/clients/names.js';
import type { TopicLimits, TopicName } from '../messaging/topics.js';
import { containerArgs, type ContainerArgs } from './containerArgs.js';
import { COUCHDB_SETTINGS, couchDbConfig, type CouchDbConfig } from './couchdbSettings.js';
import type { Environment } from './environment.js';
import { httpsOptions, httpsSettings, peerTlsOptions } from './httpsSettings.js';
import { KAFKA_SETTINGS, kafkaOptions } from './kafkaSettings.js';
import { LIMIT_SETTINGS, limitsOf } from './limitSettings.js';
import { OBJECT_MEMORY_SETTINGS, objectMemory, type ObjectMemoryConfig } from './objectMemorySettings.js';
import type { Limits } from './limits.js';
import { topicLimits } from './topicSettings.js';
import { OBJECT_SHARING_SETTINGS, objectSharing, type ObjectSharing } from './objectSharingSettings.js';
import { PROCESS_SETTINGS, processConfig, type ProcessConfig } from './processSettings.js';
import { ConfigurationError, optional, readSettings, standard, type SettingValues } from './Setting.js';
import { bytes, duration, flag, gpus, integer, fraction, list, megabytes, oneOf, port, text } from './values.js';

const STORE_LEVELS = ['STORE_ALWAYS', 'STORE_FAILURES', 'STORE_FAILURES_NOT_APPLICATION_ERRORS'] as const;

export const INVOKER_SETTINGS = {
  id: optional(
    'INVOKER_ID',
    integer(0, 100_000),
    'The number of this invoker (or `--id`). Default: the invoker takes a free number, and CouchDB keeps it under the unique name.',
  ),
  uniqueName: optional(
    'INVOKER_NAME',
    text,
    "The unique name of this invoker (or `--uniqueName`). It must stay the same after a restart. Default: the host's name.",
  ),
  displayedName: optional('DISPLAYED_NAME', text, 'An additional name, for display only (or `--displayedName`).'),
  username: optional(
    'CONFIG_whisk_invoker_username',
    text,
    'The user of `/enable` and `/disable`. Default: none. Then they accept requests from this machine only.',
  ),
  password: optional('CONFIG_whisk_invoker_password', text, 'The password of this user.', { secret: true }),
  ...httpsSettings('invoker'),
  tags: standard(
    'CONFIG_whisk_invoker_resource_tags',
    list,
    ',',
    'The tags of this invoker (standalone: of all its invokers), separated by commas. Actions with the annotation `invoker-resources` choose invokers by them.',
  ),
  dedicatedNamespaces: standard(
    'CONFIG_whisk_invoker_dedicated_namespaces',
    list,
    ',',
    'The namespaces, separated by commas, whose invocations this invoker (standalone: all its invokers) runs. Default: all namespaces.',
  ),
  userMemory: standard(
    'CONFIG_whisk_containerPool_userMemory',
    megabytes,
    '1024 m',
    'The memory of this host for action containers. Activations that do not fit wait.',
  ),
  concurrentPeekFactor: standard(
    'CONFIG_whisk_containerPool_concurrentPeekFactor',
    fraction,
    '0.5',
    "For actions with a concurrency limit over 1: the fraction of all containers' concurrency for which the invoker fetches activations.",
  ),
  waitingActivations: standard(
    'INVOKER_WAITING_ACTIVATIONS',
    integer(0),
    '10000',
    'The most waiting activations that an invoker holds in addition to those for its containers. Namespaces and actions take turns among the activations that it holds. Further ones stay in the topic, and come in the order of the topic.',
  ),
  waitingMemory: standard(
    'INVOKER_WAITING_MEMORY',
    megabytes,
    '64 m',
    'The most memory for the messages of all activations that an invoker holds. At this limit, it fetches only as many activations as its containers can run.',
  ),
  pauseGrace: standard(
    'CONFIG_whisk_containerProxy_timeouts_pauseGrace',
    duration,
    '10 s',
    'A container is paused when it has been idle for this time.',
  ),
  idleContainer: standard(
    'CONFIG_whisk_containerProxy_timeouts_idleContainer',
    duration,
    '10 m',
    'A container is removed when it has been idle for this time after its pause.',
  ),
  idlePrediction: standard(
    'IDLE_PREDICTION',
    flag,
    'false',
    'Whether the invoker learns the idle times of each action, and keeps, removes or starts its containers by them (standalone: also `--predict`). Otherwise it removes containers after a fixed time. See docs/running.md.',
  ),
  ...OBJECT_MEMORY_SETTINGS,
  ...OBJECT_SHARING_SETTINGS,
  stateFolder: standard(
    'INVOKER_STATE_FOLDER',
    text,
    'data/invokers',
    'The folder of the journal of started activations. The invoker reads it after a restart, and does not run them again. Keep this folder when you replace the process or its container.',
  ),
  drainTimeout: standard(
    'INVOKER_DRAIN_TIMEOUT',
    duration,
    '60 s',
    'The time for which an invoker that is told to stop lets its activations run. Waiting activations may start during the first half; the others stay in the topic. Activations that still run at the end are recorded as failed.',
  ),
  containerDriver: standard(
    'CONTAINER_DRIVER',
    oneOf('docker', 'oci', 'sandbox', 'process'),
    'docker',
    'Where actions run. `docker`: in Docker containers. `oci`: in containers that crun or runc starts without Docker’s engine. `sandbox`: in processes that bubblewrap isolates. `process`: in processes without isolation, for development.',
  ),
  dockerNetwork: standard(
    'CONFIG_whisk_containerFactory_containerArgs_network',
    text,
    'palette-whisk-isolated',
    'The Docker network of action containers. The invoker creates the default network if it is missing. Containers in the default network cannot reach each other.',
  ),
  extraHosts: standard(
    'CONTAINER_EXTRA_HOSTS',
    list,
    ',',
    'More host names for action containers, each as `NAME:ADDRESS`, separated by commas. With `host.docker.internal:host-gateway` containers reach services of this host.',
  ),
  dnsServers: optional(
    'CONFIG_whisk_containerFactory_containerArgs_dnsServers',
    list,
    'The DNS servers of action containers, separated by commas.',
  ),
  dnsSearch: standard(
    'CONFIG_whisk_containerFactory_containerArgs_dnsSearch',
    list,
    ',',
    'The DNS search domains of action containers, separated by commas.',
  ),
  dnsOptions: standard(
    'CONFIG_whisk_containerFactory_containerArgs_dnsOptions',
    list,
    ',',
    'The DNS options of action containers, separated by commas.',
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
    'The most bytes that an action container may write to its disk. 0: no limit. It has an effect only if the storage driver of Docker has quotas. See docs/security.md.',
  ),
  cpuShares: optional(
    'CONTAINER_CPU_SHARES',
    integer(2, 262_144),
    'The share of a busy processor that all sandboxes and all containers of the driver `oci` get together. Other programs, such as the server, have 1024 each. Default: 1024. It has no effect on Docker’s containers, which are in a control group of the engine.',
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
    'Linux capabilities to add to action containers, such as `NET_BIND_SERVICE`, separated by commas. With `CONTAINER_DRIVER=oci`, capabilities have no effect on the network while users are mapped. `CONTAINER_OCI_FIRST_UID=0` turns the mapping off.',
  ),
  gpus: optional(
    'CONTAINER_GPUS',
    gpus,
    'The GPUs of each action container: `all`, a number, or `device=ID,ID`, as for `docker run --gpus`. If Docker cannot give them, the invoker does not start.',
  ),
  preparedNetworks: standard(
    'CONTAINER_PREPARED_NETWORKS',
    integer(0, 100),
    '2',
    'The number of network namespaces that the invoker keeps ready for Docker containers. A start that finds one is faster. A small container holds each namespace until the action container that uses it is removed. 0: none.',
  ),
  runtimesRegistry: optional(
    'CONFIG_whisk_containerFactory_runtimesRegistry_url',
    text,
    'The registry for images in the runtimes manifest that name no registry, such as `registry.example.com/`.',
  ),
  runtimesRegistryUser: optional(
    'CONFIG_whisk_containerFactory_runtimesRegistry_credentials_user',
    text,
    'The user of this registry.',
  ),
  runtimesRegistryPassword: optional(
    'CONFIG_whisk_containerFactory_runtimesRegistry_credentials_password',
    text,
    'The password of this user.',
    { secret: true },
  ),
  userImagesRegistry: optional(
    'CONFIG_whisk_containerFactory_userImagesRegistry_url',
    text,
    "The registry for users' own images that name no registry.",
  ),
  userImagesRegistryUser: optional(
    'CONFIG_whisk_containerFactory_userImagesRegistry_credentials_user',
    text,
    'The user of this registry.',
  ),
  userImagesRegistryPassword: optional(
    'CONFIG_whisk_containerFactory_userImagesRegistry_credentials_password',
    text,
    'The password of this user.',
    { secret: true },
  ),
  ociRuntime: optional(
    'CONTAINER_OCI_RUNTIME',
    oneOf('crun', 'runc'),
    'The program that starts containers with `CONTAINER_DRIVER=oci`: `crun` or `runc`. Default: crun if it is installed, otherwise runc.',
  ),
  ociSubnet: standard(
    'CONTAINER_OCI_SUBNET',
    text,
    '10.213.0.0/16',
    'The network of containers with `CONTAINER_DRIVER=oci`. The first address in it is this machine.',
  ),
  ociLayouts: standard(
    'CONTAINER_OCI_LAYOUTS',
    list,
    ',',
    'Folders or archives in the OCI image layout, with images for `CONTAINER_DRIVER=oci`, separated by commas. Docker supplies the images that they lack.',
  ),
  ociFirstUid: standard(
    'CONTAINER_OCI_FIRST_UID',
    integer(0),
    '1879048192',
    'The user id and group id on this machine of root in a container with `CONTAINER_DRIVER=oci`. The next 65,535 ids are those of the container’s other users. Choose ids that no user of this machine has. 0: users are not mapped.',
  ),
  parallelRuns: standard(
    'CONFIG_whisk_docker_client_parallelRuns',
    integer(0),
    '10',
    'The most containers that the invoker creates at a time. Further ones wait. 0: no limit.',
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
    'The host at which actions reach the API (in `__OW_API_HOST`). Default: this host.',
  ),
  apiHostPort: standard('WHISK_API_HOST_PORT', port, '443', 'The port at which actions reach the API.'),
  storeBlocking: standard(
    'CONFIG_whisk_activation_storeBlockingResultLevel',
    oneOf(...STORE_LEVELS),
    'STORE_ALWAYS',
    'The blocking activations to record: all (`STORE_ALWAYS`), those that failed (`STORE_FAILURES`), or those that failed without an `error` in the result (`STORE_FAILURES_NOT_APPLICATION_ERRORS`).',
  ),
  storeNonBlocking: standard(
    'CONFIG_whisk_activation_storeNonBlockingResultLevel',
    oneOf(...STORE_LEVELS),
    'STORE_ALWAYS',
    'The non-blocking activations to record, with the same choices.',
  ),
  ...PROCESS_SETTINGS,
  ...KAFKA_SETTINGS,
  ...COUCHDB_SETTINGS,
  ...LIMIT_SETTINGS,
};

/** The settings of containers in Docker. */
const { dockerNetwork, extraHosts, dnsServers, dnsSearch, dnsOptions } = INVOKER_SETTINGS;
const { pidsLimit, cpuShares, diskLimit, openFiles, capabilities, gpus: gpuRequest } = INVOKER_SETTINGS;
const { preparedNetworks, ociRuntime, ociSubnet, ociLayouts, ociFirstUid, parallelRuns } = INVOKER_SETTINGS;
const { runtimesRegistry, runtimesRegistryUser, runtimesRegistryPassword } = INVOKER_SETTINGS;
const { userImagesRegistry, userImagesRegistryUser, userImagesRegistryPassword } = INVOKER_SETTINGS;
export const DOCKER_SETTINGS = {
  dockerNetwork,
  extraHosts,
  dnsServers,
  dnsSearch,
  dnsOptions,
  pidsLimit,
  cpuShares,
  diskLimit,
  openFiles,
  capabilities,
  gpus: gpuRequest,
  preparedNetworks,
  ociRuntime,
  ociSubnet,
  ociLayouts,
  ociFirstUid,
  parallelRuns,
  runtimesRegistry,
  runtimesRegistryUser,
  runtimesRegistryPassword,
  userImagesRegistry,
  userImagesRegistryUser,
  userImagesRegistryPassword,
};

export interface DockerConfig {
  readonly network: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly extraHosts: readonly string[];
  readonly pidsLimit: number;
  readonly cpuShares: number | undefined;
  readonly diskBytes: number;
  readonly openFiles: number;
  readonly addCapabilities: readonly string[];
  readonly gpus: 'all' | number | readonly string[] | undefined;
  readonly preparedNetworks: number;
  readonly ociRuntime: 'crun' | 'runc' | undefined;
  readonly ociSubnet: string;
  readonly ociLayouts: readonly string[];
  readonly ociFirstUid: number;
  readonly parallelRuns: number;
  /** The registries of images that name none: of the manifest's, and of users' own. */
  readonly registries: { readonly runtimes: RegistryConfig; readonly users: RegistryConfig };
}

export interface RegistryConfig {
  /** Empty: the engine's default registry. */
  readonly url: string;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
}

export const dockerConfig = (values: SettingValues<typeof DOCKER_SETTINGS>): DockerConfig => ({
  network: values.dockerNetwork,
  dns: values.dnsServers ?? [],
  dnsSearch: values.dnsSearch,
  dnsOptions: values.dnsOptions,
  extraHosts: values.extraHosts,
  pidsLimit: values.pidsLimit,
  cpuShares: values.cpuShares,
  diskBytes: values.diskLimit,
  openFiles: values.openFiles,
  addCapabilities: values.capabilities,
  gpus: values.gpus,
  preparedNetworks: values.preparedNetworks,
  ociRuntime: values.ociRuntime,
  ociSubnet: values.ociSubnet,
  ociLayouts: values.ociLayouts,
  ociFirstUid: values.ociFirstUid,
  parallelRuns: values.parallelRuns,
  registries: {
    runtimes: registry(values.runtimesRegistry, values.runtimesRegistryUser, values.runtimesRegistryPassword),
    users: registry(values.userImagesRegistry, values.userImagesRegistryUser, values.userImagesRegistryPassword),
  },
});

/** @throws ConfigurationError for a user without a password, or the reverse. */
function registry(url = '', user: string | undefined, password: string | undefined): RegistryConfig {
  if ((user === undefined) !== (password === undefined)) {
    throw new ConfigurationError(`the credentials of the registry '${url}' need a user and a password`);
  }
  return { url, credentials: user === undefined || password === undefined ? undefined : { user, password } };
}

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
  readonly objects: ObjectMemoryConfig;
  /** How objects are shared; undefined: they are not. */
  readonly objectSharing: ObjectSharing | undefined;
  readonly concurrentPeekFactor: number;
  readonly waitingActivations: number;
  readonly waitingBytes: number;
  readonly pauseGraceMs: number;
  readonly idleContainerMs: number;
  readonly predictsIdle: boolean;
  readonly stateFolder: string;
  readonly drainTimeoutMs: number;
  /** More environment variables, and arguments of `docker run`, of all containers. */
  readonly containerArgs: ContainerArgs;
  readonly containers: DockerConfig & { readonly driver: 'docker' | 'oci' | 'sandbox' | 'process' };
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
    throw new ConfigurationError(`set both ${user.name} and ${secret.name}, or neither`);
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
    objects: objectMemory(values, values.userMemory),
    objectSharing: objectSharing(values, (authorities) => peerTlsOptions(INVOKER_SETTINGS, values, authorities)),
    concurrentPeekFactor: values.concurrentPeekFactor,
    waitingActivations: values.waitingActivations,
    waitingBytes: values.waitingMemory * 1024 * 1024,
    pauseGraceMs: values.pauseGrace,
    idleContainerMs: values.idleContainer,
    predictsIdle: values.idlePrediction,
    stateFolder: values.stateFolder,
    drainTimeoutMs: values.drainTimeout,
    containerArgs: containerArgs(environment),
    containers: {
      driver: values.containerDriver,
      ...dockerConfig(values),
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
