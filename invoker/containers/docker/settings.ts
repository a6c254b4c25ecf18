import type Docker from 'dockerode';
import type { ContainerSpec } from '../ContainerDriver.js';

/** The port that every runtime's proxy listens on. */
export const PROXY_PORT = 8080;
export const OWNER_LABEL = 'org.palette-whisk.owner';

/** How containers are made, whatever they are for. */
export interface DockerSettings {
  /** Whose containers these are: leftovers of the same owner are removed at start. */
  readonly owner: string;
  /** A Docker network by name. */
  readonly network: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** Lines of `/etc/hosts`, as `NAME:ADDRESS`. */
  readonly extraHosts: readonly string[];
  readonly pidsLimit: number;
  readonly ulimits: ReadonlyArray<{ readonly name: string; readonly soft: number; readonly hard: number }>;
  /** Linux capabilities that are taken away, and given nevertheless. */
  readonly dropCapabilities: readonly string[];
  readonly addCapabilities: readonly string[];
  /**
   * Docker's own keeping of logs. `none`: they are followed as they are written, and with `json-file` the file of a
   * long-lived container would only grow.
   */
  readonly logDriver: string;
  /**
   * How the proxies are reached: at the `address` that they have in their network, or at a `port` that the engine
   * publishes on this machine (where the engine runs in a virtual machine or without root).
   */
  readonly reach: 'address' | 'port';
  /** Images of this prefix are in no registry. */
  readonly localImagePrefix: string;
}

export const DEFAULT_DOCKER_SETTINGS: Omit<DockerSettings, 'owner'> = {
  network: 'bridge',
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  pidsLimit: 1024,
  ulimits: [{ name: 'nofile', soft: 1024, hard: 1024 }],
  dropCapabilities: ['ALL'],
  addCapabilities: [],
  logDriver: 'none',
  reach: 'address',
  localImagePrefix: 'palette-whisk',
};

/** A name as Docker takes it. */
export const containerName = (name: string): string => name.replace(/[^a-zA-Z0-9_.-]/g, '_');

/** What Docker is asked for. */
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
      // No swap beyond it.
      MemorySwap: memory,
      // Whoever has more memory gets more of a busy processor; the invoker itself has 1024.
      CpuShares: Math.max(2, spec.memoryMB),
      NetworkMode: settings.network,
      Dns: [...settings.dns],
      DnsSearch: [...settings.dnsSearch],
      DnsOptions: [...settings.dnsOptions],
      ExtraHosts: [...settings.extraHosts],
      PidsLimit: settings.pidsLimit,
      Ulimits: settings.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      CapDrop: [...settings.dropCapabilities],
      CapAdd: [...settings.addCapabilities],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: settings.logDriver, Config: {} },
      ...(published ? { PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] } } : {}),
    },
  };
}
