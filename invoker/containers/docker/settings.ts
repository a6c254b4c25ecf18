import type Docker from 'dockerode';
import type { ContainerSpec } from '../ContainerDriver.js';

/** The port of every runtime's proxy. */
export const PROXY_PORT = 8080;
export const OWNER_LABEL = 'org.palette-whisk.owner';

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
};

/** The name with only characters that Docker allows. */
export const containerName = (name: string): string => name.replace(/[^a-zA-Z0-9_.-]/g, '_');

/** The options for the creation of a container. */
export function containerOptions(spec: ContainerSpec, settings: DockerSettings): Docker.ContainerCreateOptions {
  const memory = spec.memoryMB * 1024 * 1024;
  const environment = { ...(spec.concurrency > 1 ? { __OW_ALLOW_CONCURRENT: 'true' } : {}), ...spec.environment };
  const port = `${PROXY_PORT}/tcp`;
  const published = settings.reach === 'port';
  return {
    name: containerName(spec.name),
    Image: spec.image.reference,
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: { [OWNER_LABEL]: settings.owner },
    AttachStdout: true,
    AttachStderr: true,
    ...(published ? { ExposedPorts: { [port]: {} } } : {}),
    HostConfig: {
      Memory: memory,
      // Do not allow swap.
      MemorySwap: memory,
      // A container with more memory gets a larger share of a busy processor. The invoker itself has 1024.
      CpuShares: Math.max(2, spec.memoryMB),
      NetworkMode: settings.network,
      Dns: [...settings.dns],
      DnsSearch: [...settings.dnsSearch],
      DnsOptions: [...settings.dnsOptions],
      ExtraHosts: [...settings.extraHosts],
      PidsLimit: settings.pidsLimit,
      ...(settings.diskBytes > 0 ? { StorageOpt: { size: String(settings.diskBytes) } } : {}),
      Ulimits: settings.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      CapDrop: [...settings.dropCapabilities],
      CapAdd: [...settings.addCapabilities],
      ...(settings.gpus === undefined ? {} : { DeviceRequests: [deviceRequest(settings.gpus)] }),
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: settings.logDriver, Config: {} },
      ...(published ? { PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] } } : {}),
    },
  };
}

/** The engine's request for GPUs, as `docker run --gpus` makes it. A count of -1 means all. */
function deviceRequest(gpus: Gpus): Docker.DeviceRequest {
  const chosen = typeof gpus === 'object' ? { DeviceIDs: [...gpus] } : { Count: gpus === 'all' ? -1 : gpus };
  return { Driver: '', ...chosen, Capabilities: [['gpu']] };
}
