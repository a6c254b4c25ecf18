import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { removeContainer, statusOf } from './removal.js';
import { deviceRequest, OWNER_LABEL, type Gpus } from './settings.js';

/** The engine's error for GPUs without a driver for them. */
export const NO_GPUS = /could not select device driver/i;
export const NO_GPUS_TEXT =
  'Docker has no driver for GPUs on this machine: install the NVIDIA Container Toolkit, or unset CONTAINER_GPUS.';

/**
 * The errors of the engine and of the NVIDIA Container Toolkit for GPUs that do not exist or do not work. The engine
 * prepares the devices before it starts the command.
 */
const GPU_FAULT = /nvidia-container|nvidia-ml|unknown device|device error|unresolvable CDI|CDI device/i;

/**
 * Why the engine cannot give containers these GPUs; undefined if it can. `docker info` does not report that: a driver for
 * device requests need not be a runtime. So this starts a container without files: it fails in any case, and the error
 * tells whether the GPUs are the reason. Removes the container and its image.
 *
 * @param owner of the container: see `removeLeftovers`.
 * @throws EngineTimeoutError, or the engine's error if it cannot create a container at all.
 */
export async function gpuRefusal(
  docker: Docker,
  gpus: Gpus,
  owner: string,
  callMs: number = ENGINE_LIMITS.callMs,
): Promise<string | undefined> {
  const image = await engineCall('the import of an image', callMs, emptyImage(docker));
  try {
    const creation = docker.createContainer({
      Image: image,
      Cmd: ['/nothing'],
      Labels: { [OWNER_LABEL]: owner },
      HostConfig: { NetworkMode: 'none', DeviceRequests: [deviceRequest(gpus)] },
    });
    const container = await engineCall('the creation of a container', callMs, creation);
    try {
      await engineCall('the start of a container', callMs, container.start());
      return undefined;
    } catch (error) {
      if (statusOf(error) === undefined) throw error;
      return refusalOf(error);
    } finally {
      await removeContainer(container, callMs);
    }
  } finally {
    await engineCall('the removal of an image', callMs, docker.getImage(image).remove());
  }
}

/** The reason in an error of the engine; undefined if the error has another cause than the GPUs. */
export function refusalOf(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : String(error);
  if (NO_GPUS.test(text)) return NO_GPUS_TEXT;
  if (!GPU_FAULT.test(text)) return undefined;
  return `Docker cannot give containers the GPUs of CONTAINER_GPUS: ${text.replaceAll(/\s+/g, ' ').trim()}`;
}

/** Creates an image without files and without a name. Returns its id. */
async function emptyImage(docker: Docker): Promise<string> {
  const emptyTar = Buffer.alloc(1024);
  const stream = await docker.importImage(Readable.from([emptyTar], { objectMode: false }));
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error, progress: readonly { readonly status?: string }[]) => {
      const id = progress.at(-1)?.status;
      if (error) reject(error);
      else if (id === undefined) reject(new Error('the Docker Engine did not name the imported image'));
      else resolve(id);
    });
  });
}
