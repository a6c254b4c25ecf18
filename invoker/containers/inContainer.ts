import type { ContainerSpec } from './ContainerDriver.js';

/** The port of every runtime's proxy in a container with a network of its own. */
export const PROXY_PORT = 8080;

/** Where containers see their shared folder. */
export const SHARED_FOLDER = '/run/palette-whisk';

/** The variables of a container's runtime. */
export function environmentOf({ concurrency, environment }: ContainerSpec): Readonly<Record<string, string>> {
  return { ...(concurrency > 1 ? { __OW_ALLOW_CONCURRENT: 'true' } : {}), ...environment };
}

/** The variables as `NAME=VALUE`. */
export const environmentLines = (spec: ContainerSpec): string[] =>
  Object.entries(environmentOf(spec)).map(([name, value]) => `${name}=${value}`);

/**
 * The share of a busy processor, in Docker's `CpuShares`: a container with more memory gets a larger one. The invoker
 * itself has 1024.
 */
export const cpuSharesOf = ({ memoryMB }: Pick<ContainerSpec, 'memoryMB'>): number => Math.max(2, memoryMB);
