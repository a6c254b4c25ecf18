import Docker from 'dockerode';
import type { DockerSettings } from './settings.js';

export type Detection =
  | {
      readonly usable: true;
      readonly docker: Docker;
      readonly version: string;
      /** How containers of this engine are reached from here. */
      readonly reach: DockerSettings['reach'];
    }
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** The engine answers at once or not in time. */
const ANSWER_MS = 2000;

/** Whether a Docker Engine can be used here (at `DOCKER_HOST`, or the usual socket), and if not, why. Never rejects. */
export async function detectDocker(docker: Docker = new Docker()): Promise<Detection> {
  const place = placeOf(docker);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'LATE' })), ANSWER_MS);
  });
  try {
    const info = (await Promise.race([docker.info(), late])) as EngineInfo;
    if (info.OSType !== undefined && info.OSType !== 'linux') {
      return { usable: false, reason: `the Docker daemon at ${place} runs ${info.OSType} containers, not Linux ones` };
    }
    return { usable: true, docker, version: info.ServerVersion ?? 'unknown', reach: reachOf(info, process.platform) };
  } catch (error) {
    return { usable: false, reason: unusable(error, place) };
  } finally {
    clearTimeout(timer);
  }
}

/** What is read of the engine's answer. */
export interface EngineInfo {
  readonly OSType?: string | undefined;
  readonly ServerVersion?: string | undefined;
  readonly OperatingSystem?: string | undefined;
  readonly SecurityOptions?: readonly string[] | undefined;
}

/** An engine in a virtual machine, or without root, has networks that this machine has no route to. */
export function reachOf(info: EngineInfo, platform: NodeJS.Platform): DockerSettings['reach'] {
  const rootless = info.SecurityOptions?.some((option) => option.includes('rootless')) ?? false;
  const desktop = info.OperatingSystem?.includes('Docker Desktop') ?? false;
  return platform !== 'linux' || rootless || desktop ? 'port' : 'address';
}

/** Why the engine at `place` cannot be used. */
export function unusable(error: unknown, place: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return `there is no Docker socket at ${place}`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not use the Docker socket at ${place} (is the user in the group docker?)`;
    case 'ECONNREFUSED':
      return `no Docker daemon listens at ${place}`;
    case 'LATE':
      return `the Docker daemon at ${place} did not answer in ${ANSWER_MS / 1000} s`;
    default:
      return `the Docker daemon at ${place} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function placeOf(docker: Docker): string {
  const modem = docker.modem as { socketPath?: unknown; host?: unknown; port?: unknown };
  if (typeof modem.socketPath === 'string') return modem.socketPath;
  return `${String(modem.host)}:${String(modem.port)}`;
}
