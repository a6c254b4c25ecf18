import type Docker from 'dockerode';
import type { ContainerImage } from '../../ContainerDriver.js';
import { engineCall, type EngineLimits } from '../../docker/engineCall.js';
import type { ImageSupply } from '../../docker/ImageSupply.js';
import { removeContainer, statusOf } from '../../docker/removal.js';
import { OWNER_LABEL } from '../../docker/settings.js';
import type { ImageSource, SourceImage } from './ImageSource.js';
import { unpackTar } from './tar.js';

export interface EngineImagesParts {
  readonly docker: Docker;
  readonly images: ImageSupply;
  readonly owner: string;
  readonly limits: EngineLimits;
}

/** The images of a Docker engine, which pulls those that it lacks. */
export class EngineImages implements ImageSource {
  readonly #parts: EngineImagesParts;

  constructor(parts: EngineImagesParts) {
    this.#parts = parts;
  }

  async find(image: ContainerImage): Promise<SourceImage> {
    const { docker, images, limits } = this.#parts;
    const info = await images.use(images.named(image), ({ reference }) =>
      engineCall('the request for an image', limits.callMs, docker.getImage(reference).inspect()),
    );
    return {
      id: info.Id.replace(/^sha256:/, ''),
      name: info.RepoTags[0] ?? info.Id,
      config: info.Config,
      unpack: (folder) => this.#export(info.Id, folder),
    };
  }

  has(id: string): Promise<boolean> {
    const { docker, limits } = this.#parts;
    const inspected = docker.getImage(`sha256:${id}`).inspect();
    return engineCall('the request for an image', limits.callMs, inspected).then(
      () => true,
      (error: unknown) => statusOf(error) !== 404,
    );
  }

  /** Removes the containers of exports that were cut off. */
  async removeLeftovers(): Promise<void> {
    const { docker, owner, limits } = this.#parts;
    const filters = { label: [`${OWNER_LABEL}=${owner}`] };
    const listed = docker.listContainers({ all: true, filters });
    const left = await engineCall('the request for a list', limits.callMs, listed).catch(() => []);
    for (const { Id } of left) await removeContainer(docker.getContainer(Id), limits.callMs).catch(() => undefined);
  }

  /** Copies all files of an image into a folder, by way of a container that is never started. */
  async #export(id: string, folder: string): Promise<void> {
    const { docker, owner, limits } = this.#parts;
    const creation = docker.createContainer({ Image: id, Cmd: ['-'], Labels: { [OWNER_LABEL]: owner } });
    const container = await engineCall('the creation of a container', limits.callMs, creation);
    try {
      const tar = await engineCall('the export of an image', limits.callMs, container.export());
      await engineCall('the export of an image', limits.pullMs, unpackTar(tar, folder));
    } finally {
      await removeContainer(container, limits.callMs);
    }
  }
}
