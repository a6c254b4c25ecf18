import Docker from 'dockerode';
import * as z from 'zod';
import type { DockerSettings } from './settings.js';
import { isObject } from '../../../shared/entities/keyvalue.js';
import { messageOf } from '../../../shared/errors/reasons.js';

export type Detection =
  | {
      readonly usable: true;
      readonly docker: Docker;
      readonly version: string;
      /** How this machine reaches the engine's containers. */
      readonly reach: DockerSettings['reach'];
      readonly limitsDisk: boolean;
    }
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** The longest wait for an engine's response, in ms. */
const ANSWER_MS = 2000;

/**
 * Whether a Docker Engine is usable (at `DOCKER_HOST` or the default socket), and if not, why. Never rejects.
 *
 * @param answerMs the longest wait for the engine's response
 */
export async function detectDocker(docker: Docker = new Docker(), answerMs = ANSWER_MS): Promise<Detection> {
  const place = placeOf(docker);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), answerMs);
  try {
    // The type declarations lack the signal.
    const ask = docker.info.bind(docker) as (options: { abortSignal: AbortSignal }) => Promise<unknown>;
    const info = engineInfoSchema.parse(await ask({ abortSignal: late.signal }));
    if (info.OSType !== undefined && info.OSType !== 'linux') {
      return { usable: false, reason: `the Docker daemon at ${place} runs ${info.OSType} containers, not Linux ones` };
    }
    return {
      usable: true,
      docker,
      version: info.ServerVersion ?? 'unknown',
      reach: reachOf(info, process.platform),
      limitsDisk: mayLimitDisk(info),
    };
  } catch (error) {
    return { usable: false, reason: unusable(error, place, answerMs) };
  } finally {
    clearTimeout(timer);
  }
}

/** The fields to read from the engine's response. */
const engineInfoSchema = z.object({
  OSType: z.string().optional(),
  ServerVersion: z.string().optional(),
  OperatingSystem: z.string().optional(),
  SecurityOptions: z.array(z.string()).nullish(),
  Driver: z.string().optional(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
});
export type EngineInfo = z.infer<typeof engineInfoSchema>;

/**
 * How to reach containers: this machine has no route to the networks of an engine in a virtual machine or without root.
 */
export function reachOf(info: EngineInfo, platform: NodeJS.Platform): DockerSettings['reach'] {
  const rootless = info.SecurityOptions?.some((option) => option.includes('rootless')) ?? false;
  const desktop = info.OperatingSystem?.includes('Docker Desktop') ?? false;
  return platform !== 'linux' || rootless || desktop ? 'port' : 'address';
}

/**
 * Whether the storage driver may limit the disk of a container: Btrfs and ZFS can, overlay2 can on XFS that is mounted with
 * project quotas. The engine does not report the mount option; without it, it refuses to create a container with a limit.
 * See https://docs.docker.com/reference/cli/docker/container/run/#storage-opt.
 */
export function mayLimitDisk({ Driver: driver, DriverStatus: status }: EngineInfo): boolean {
  if (driver === 'btrfs' || driver === 'zfs') return true;
  const [, filesystem] = status?.find(([name]) => name === 'Backing Filesystem') ?? [];
  return driver === 'overlay2' && filesystem === 'xfs';
}

/** Why the engine at `place` is not usable. */
export function unusable(error: unknown, place: string, answerMs = ANSWER_MS): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return `there is no Docker socket at ${place}`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not use the Docker socket at ${place} (is the user in the group docker?)`;
    case 'ECONNREFUSED':
      return `no Docker daemon listens at ${place}`;
    case 'ABORT_ERR':
      return `the Docker daemon at ${place} did not answer in ${answerMs / 1000} s`;
    default:
      return `the Docker daemon at ${place} cannot be used: ${messageOf(error)}`;
  }
}

function placeOf(docker: Docker): string {
  const modem: unknown = docker.modem;
  const place = isObject(modem) ? modem : {};
  if (typeof place['socketPath'] === 'string') return place['socketPath'];
  return `${String(place['host'])}:${String(place['port'])}`;
}
