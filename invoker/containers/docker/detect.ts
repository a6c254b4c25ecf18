import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import * as z from 'zod';
import { engineEndpoints, thisMachine, type Machine } from './endpoints.js';
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
      /** Why images that are built of this machine's programs do not run in the engine; undefined if they do. */
      readonly buildFault: string | undefined;
      /** Whether the engine sees the files of this process at the same paths. */
      readonly sharesFiles: boolean;
    }
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** The longest wait for an engine's response, in ms. */
const ANSWER_MS = 2000;

/**
 * Whether a Docker Engine is usable, and if not, why. Tries the addresses of `engineEndpoints`, and takes the first that
 * answers. Never rejects.
 *
 * @param docker tries only this engine
 * @param answerMs the longest wait for an engine's response
 */
export async function detectDocker(
  docker?: Docker,
  answerMs = ANSWER_MS,
  machine: Machine = thisMachine(),
): Promise<Detection> {
  if (docker) return ask(docker, placeOf(docker), answerMs, machine);
  let first: Detection | undefined;
  try {
    for (const { options, place } of engineEndpoints(machine)) {
      const found = await ask(new Docker(options), place, answerMs, machine);
      if (found.usable) return found;
      first ??= found;
    }
  } catch (error) {
    return { usable: false, reason: messageOf(error) };
  }
  return first ?? { usable: false, reason: 'no Docker socket is known' };
}

async function ask(docker: Docker, place: string, answerMs: number, { platform }: Machine): Promise<Detection> {
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
      reach: reachOf(info, platform),
      limitsDisk: mayLimitDisk(info),
      buildFault: buildFault(info, platform, process.arch),
      sharesFiles: sharesFiles(info, reachOf(info, platform), place, hostname(), isContained(info)),
    };
  } catch (error) {
    return { usable: false, reason: unusable(error, place, answerMs) };
  } finally {
    clearTimeout(timer);
  }
}

/** The names of architectures: Node's, and those of the engine and of Podman. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64', 'amd64'],
  arm64: ['aarch64', 'arm64'],
};

/** Why images of this machine's programs do not run in the engine; undefined if they do. */
export function buildFault(
  { Architecture: engine }: EngineInfo,
  platform: NodeJS.Platform,
  architecture: string,
): string | undefined {
  if (platform !== 'linux') return 'images of our runtimes are built on Linux only';
  const known = ARCHITECTURES[architecture];
  if (engine === undefined || known === undefined || known.includes(engine)) return undefined;
  return `this machine (${architecture}) cannot build images for the engine (${engine})`;
}

/** The fields to read from the engine's response. */
const engineInfoSchema = z.object({
  OSType: z.string().optional(),
  ServerVersion: z.string().optional(),
  OperatingSystem: z.string().optional(),
  SecurityOptions: z.array(z.string()).nullish(),
  Driver: z.string().optional(),
  Name: z.string().optional(),
  Architecture: z.string().optional(),
  DockerRootDir: z.string().optional(),
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

/**
 * Whether the engine runs on the same machine as this process, and this process does not run in a container with other
 * files.
 * @param place a path (of a socket) or an address.
 */
export function sharesFiles(
  { Name: name }: EngineInfo,
  reach: DockerSettings['reach'],
  place: string,
  host: string,
  contained: boolean,
): boolean {
  return reach === 'address' && place.startsWith('/') && name === host && !contained;
}

/** Whether this process runs in a container of an engine whose own files it does not see. */
const isContained = ({ DockerRootDir: root }: EngineInfo): boolean =>
  existsSync('/.dockerenv') && (root === undefined || !existsSync(join(root, 'containers')));

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
