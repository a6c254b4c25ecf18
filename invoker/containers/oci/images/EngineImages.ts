import type Docker from 'dockerode';
import type { ContainerImage } from '../../ContainerDriver.js';
import { engineCall, type EngineLimits } from '../../docker/engineCall.js';
import type { ImageSupply } from '../../docker/ImageSupply.js';
import { removeContainer, statusOf } from '../../docker/removal.js';
import { OWNER_LABEL } from '../../docker/settings.js';
import type { Logger } from '../../../../shared/logging/Logger.js';
import type { ImageSource, SourceConfig, SourceImage } from './ImageSource.js';
import { KnownImages } from './KnownImages.js';
import { unpackTar } from './tar.js';

export interface EngineImagesParts {
  readonly docker: Docker;
  readonly images: ImageSupply;
  readonly owner: string;
  readonly limits: EngineLimits;
  readonly log: Logger;
}

/** What an engine tells about an image. */
interface EngineImage {
  /** With `sha256:`. */
  readonly id: string;
  readonly name: string;
  readonly config: SourceConfig;
}

/** The images of a Docker engine, which pulls those that it lacks. */
export class EngineImages implements ImageSource {
  readonly #parts: EngineImagesParts;
  readonly #known: KnownImages<EngineImage>;

  constructor(parts: EngineImagesParts) {
    this.#parts = parts;
    this.#known = new KnownImages(parts);
  }

  async find(image: ContainerImage): Promise<SourceImage> {
    const { images } = this.#parts;
    const named = images.named(image);
    const { id, name, config } = await images.use(named, ({ reference }) =>
      this.#known.get(reference, () => this.#inspect(reference), named.pull),
    );
    return { id: id.replace(/^sha256:/, ''), name, config, unpack: (folder) => this.#export(id, folder) };
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
    this.#known.open();
    const { docker, owner, limits } = this.#parts;
    const filters = { label: [`${OWNER_LABEL}=${owner}`] };
    const listed = docker.listContainers({ all: true, filters });
    const left = await engineCall('the request for a list', limits.callMs, listed).catch(() => []);
    for (const { Id } of left) await removeContainer(docker.getContainer(Id), limits.callMs).catch(() => undefined);
  }

  close(): void {
    this.#known.close();
  }

  async #inspect(reference: string): Promise<EngineImage> {
    const { docker, limits } = this.#parts;
    const inspected = docker.getImage(reference).inspect();
    const { Id, RepoTags, Config } = await engineCall('the request for an image', limits.callMs, inspected);
    return { id: Id, name: RepoTags[0] ?? Id, config: Config };
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
