import type Docker from 'dockerode';
import type { ContainerSpec } from '../ContainerDriver.js';
import { cpuSharesOf, environmentLines, PROXY_PORT, SHARED_FOLDER } from '../inContainer.js';
import { HOLDER_IMAGE } from './holderImage.js';
import { withExtraArgs, type ExtraArgs } from './extraArgs.js';
import { NO_REGISTRIES, type Registries } from './registries.js';

export const OWNER_LABEL = 'org.palette-whisk.owner';
/** The label of containers that only hold a network namespace. */
export const HOLDER_LABEL = 'org.palette-whisk.network-holder';

/** The GPUs of a container: all, a number of them, or these ids. */
export type Gpus = 'all' | number | readonly string[];

/** The settings of all containers. */
export interface DockerSettings {
  /** The owner of the containers. Its leftover containers are removed at the start. */
  readonly owner: string;
  /** The name of a Docker network. */
  readonly network: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** Lines of `/etc/hosts`, as `NAME:ADDRESS`. */
  readonly extraHosts: readonly string[];
  readonly pidsLimit: number;
  /** The most bytes that a container may write to its disk; 0: no limit. Not every storage driver has limits. */
  readonly diskBytes: number;
  readonly ulimits: ReadonlyArray<{ readonly name: string; readonly soft: number; readonly hard: number }>;
  /** Linux capabilities to drop and to add. */
  readonly dropCapabilities: readonly string[];
  readonly addCapabilities: readonly string[];
  /** The GPUs of each container: `all`, a number, or their ids; undefined: none. */
  readonly gpus: Gpus | undefined;
  /**
   * Docker's log driver. `none` is enough, since the invoker reads the logs as they are written. With `json-file` the
   * file of a long-lived container would grow without end.
   */
  readonly logDriver: string;
  /**
   * How to reach the proxies: at their `address` in the network, or at a `port` that the engine publishes on this
   * machine (for an engine in a virtual machine or without root).
   */
  readonly reach: 'address' | 'port';
  /** The prefix of images that are not in a registry. */
  readonly localImagePrefix: string;
  /** The number of network namespaces to keep ready for starts; 0: none, the engine makes each with its container. */
  readonly preparedNetworks: number;
  readonly registries: Registries;
  /** More arguments of `docker run`. */
  readonly extraArgs: ExtraArgs;
  /** Whether the engine sees the files of this machine at the same paths. */
  readonly sharesFiles: boolean;
}

export const DEFAULT_DOCKER_SETTINGS: Omit<DockerSettings, 'owner'> = {
  network: 'bridge',
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  pidsLimit: 1024,
  diskBytes: 0,
  ulimits: [{ name: 'nofile', soft: 1024, hard: 1024 }],
  dropCapabilities: ['ALL'],
  addCapabilities: [],
  gpus: undefined,
  logDriver: 'none',
  reach: 'address',
  localImagePrefix: 'palette-whisk',
  preparedNetworks: 0,
  registries: NO_REGISTRIES,
  extraArgs: {},
  sharesFiles: false,
};

/** The name with only characters that Docker allows. */
export const containerName = (name: string): string => name.replace(/[^a-zA-Z0-9_.-]/g, '_');

/** The options for the creation of a container. @param holder of the network to join; undefined: an own network. */
export function containerOptions(
  spec: ContainerSpec,
  settings: DockerSettings,
  holder?: string,
): Docker.ContainerCreateOptions {
  const memory = spec.memoryMB * 1024 * 1024;
  const own =
    holder === undefined ? networkOptions(settings) : { exposed: {}, host: { NetworkMode: `container:${holder}` } };
  const options: Docker.ContainerCreateOptions = {
    name: containerName(spec.name),
    Image: spec.image.reference,
    Env: environmentLines(spec),
    Labels: { [OWNER_LABEL]: settings.owner },
    AttachStdout: true,
    AttachStderr: true,
    ...own.exposed,
    HostConfig: {
      Memory: memory,
      // Do not allow swap.
      MemorySwap: memory,
      CpuShares: cpuSharesOf(spec),
      ...own.host,
      PidsLimit: settings.pidsLimit,
      ...(settings.diskBytes > 0 ? { StorageOpt: { size: String(settings.diskBytes) } } : {}),
      Ulimits: settings.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      CapDrop: [...settings.dropCapabilities],
      CapAdd: [...settings.addCapabilities],
      ...(settings.gpus === undefined ? {} : { DeviceRequests: [deviceRequest(settings.gpus)] }),
      SecurityOpt: ['no-new-privileges'],
      ...(settings.sharesFiles && spec.sharedFolder !== undefined
        ? { Binds: [`${spec.sharedFolder}:${SHARED_FOLDER}:ro`] }
        : {}),
      LogConfig: { Type: settings.logDriver, Config: {} },
    },
  };
  return withExtraArgs(options, settings.extraArgs);
}

/** The options of a container that holds a network for another one, whose name resolution and ports are its own. */
export function holderOptions(name: string, settings: DockerSettings): Docker.ContainerCreateOptions {
  const own = networkOptions(settings);
  return {
    name: containerName(name),
    Image: HOLDER_IMAGE,
    Labels: { [OWNER_LABEL]: settings.owner, [HOLDER_LABEL]: 'true' },
    AttachStdout: false,
    AttachStderr: false,
    ...own.exposed,
    HostConfig: {
      ...own.host,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

/** The options of a network namespace, which one container has for itself or another one joins. */
function networkOptions(settings: DockerSettings): {
  readonly exposed: Pick<Docker.ContainerCreateOptions, 'ExposedPorts'>;
  readonly host: Docker.HostConfig;
} {
  const port = `${PROXY_PORT}/tcp`;
  const published = settings.reach === 'port';
  return {
    exposed: published ? { ExposedPorts: { [port]: {} } } : {},
    host: {
      NetworkMode: settings.network,
      Dns: [...settings.dns],
      DnsSearch: [...settings.dnsSearch],
      DnsOptions: [...settings.dnsOptions],
      ExtraHosts: [...settings.extraHosts],
      ...(published ? { PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] } } : {}),
    },
  };
}

/** The engine's request for GPUs, as `docker run --gpus` makes it. A count of -1 means all. */
export function deviceRequest(gpus: Gpus): Docker.DeviceRequest {
  const chosen = typeof gpus === 'object' ? { DeviceIDs: [...gpus] } : { Count: gpus === 'all' ? -1 : gpus };
  return { Driver: '', ...chosen, Capabilities: [['gpu']] };
}
