import type Docker from 'dockerode';
import type { ContainerAddress } from '../HttpConnection.js';
import { PROXY_PORT } from '../inContainer.js';
import type { DockerSettings } from './settings.js';

/** The address of a running container's proxy; undefined if the container has no address in the network. */
export function addressOf(
  { NetworkSettings: { Networks: networks, Ports: ports } }: Docker.ContainerInspectInfo,
  settings: Pick<DockerSettings, 'reach' | 'network'>,
): ContainerAddress | undefined {
  if (settings.reach === 'port') {
    const port = Number(ports[`${PROXY_PORT}/tcp`]?.[0]?.HostPort);
    return port > 0 ? { host: '127.0.0.1', port } : undefined;
  }
  const host = networks[settings.network]?.IPAddress;
  return host ? { host, port: PROXY_PORT } : undefined;
}
