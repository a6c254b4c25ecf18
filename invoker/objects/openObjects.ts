import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ObjectMemoryConfig } from '../../shared/config/objectMemorySettings.js';
import type { ContainerDriver } from '../containers/ContainerDriver.js';
import type { ObjectMetrics } from './ObjectMetrics.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import { ObjectService, type ServiceSharing } from './ObjectService.js';

const MB = 1024 * 1024;

export interface OpenObjectsParts {
  readonly config: ObjectMemoryConfig;
  /** The invoker's name, such as `invoker0`. */
  readonly invoker: string;
  /** The owner of the invoker's containers, which differs from that of all other invokers of this machine. */
  readonly owner: string;
  readonly driver: Pick<ContainerDriver, 'seenAt'>;
  /** The address of this machine in the network of the containers; undefined: there is none. */
  readonly gateway: string | undefined;
  readonly metrics: ObjectMetrics;
  readonly instance: number;
  /** How the process shares objects; undefined: it does not. */
  readonly sharing?: (Omit<ServiceSharing, 'host'> & { readonly host: string | undefined }) | undefined;
  readonly store?: ArtifactStore | undefined;
  readonly log: Logger;
}

/**
 * Makes the service of an invoker's objects; undefined if the configuration wants none. Containers reach it over a
 * socket if the driver shares files, else over TCP at the configured host or the gateway.
 */
export function openObjects(parts: OpenObjectsParts): ObjectService | undefined {
  const { config, invoker, owner, driver, gateway, metrics, log } = parts;
  if (config.memoryMB === 0) return undefined;
  // The path of a socket has at most about 100 bytes.
  const name = createHash('sha256').update(owner).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `palette-objects-${name}`);
  const tcpHost = config.host ?? (driver.seenAt?.(folder) === undefined ? gateway : undefined);
  const { sharing, instance, store } = parts;
  return new ObjectService({
    invoker,
    instance,
    store,
    sharing: sharing && { ...sharing, host: sharing.host ?? tcpHost ?? '127.0.0.1' },
    boundBytes: config.memoryMB * MB,
    folder,
    tcpHost,
    // The gateway belongs to another machine if Docker runs there.
    tcpRequired: config.host !== undefined,
    log: log.component(`${invoker}.objects`),
    onCounts: metrics.of(invoker),
  });
}
