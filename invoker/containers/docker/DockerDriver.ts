import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { ContainerStartError, type Container, type ContainerDriver, type ContainerSpec } from '../ContainerDriver.js';
import { DockerContainer } from './DockerContainer.js';
import { EngineEvents } from './EngineEvents.js';
import { Images, pullError, pullPolicy } from './images.js';
import { containerOptions, DEFAULT_DOCKER_SETTINGS, OWNER_LABEL, type DockerSettings } from './settings.js';

export interface DockerDriverOptions extends Partial<DockerSettings> {
  /** Made without an agent of its own: that is its faster way. */
  readonly docker: Docker;
  readonly logger: Logger;
  readonly owner: string;
}

/** Containers of a Docker Engine. */
export class DockerDriver implements ContainerDriver {
  readonly name = 'docker';
  readonly #docker: Docker;
  readonly #logger: Logger;
  readonly #settings: DockerSettings;
  readonly #images: Images;
  readonly #events: EngineEvents;
  readonly #containers = new Map<string, DockerContainer>();
  readonly #starting = new Set<Promise<unknown>>();

  constructor({ docker, logger, ...settings }: DockerDriverOptions) {
    this.#docker = docker;
    this.#logger = logger;
    this.#settings = { ...DEFAULT_DOCKER_SETTINGS, ...settings };
    this.#images = new Images(docker, logger);
    this.#events = new EngineEvents(docker, this.#settings.owner, logger);
  }

  async removeLeftovers(): Promise<number> {
    const filters = { label: [`${OWNER_LABEL}=${this.#settings.owner}`] };
    const all = await this.#docker.listContainers({ all: true, filters });
    const left = all.filter(({ Id }) => !this.#containers.has(Id));
    await Promise.all(left.map(({ Id }) => removeContainer(this.#docker.getContainer(Id))));
    return left.length;
  }

  create(spec: ContainerSpec): Promise<Container> {
    const start = this.#create(spec);
    const settled = start.catch(() => undefined).finally(() => this.#starting.delete(settled));
    this.#starting.add(settled);
    return start;
  }

  async close(): Promise<void> {
    await Promise.all(this.#starting);
    const removals = [...this.#containers.values()].map((container) => container.destroy());
    for (const removal of await Promise.allSettled(removals)) {
      if (removal.status === 'rejected') this.#logger.warn('cannot remove a container', { error: removal.reason });
    }
    this.#events.close();
  }

  async #create(spec: ContainerSpec): Promise<Container> {
    const made = await this.#make(spec);
    try {
      const container = await DockerContainer.start({
        container: made,
        spec,
        settings: this.#settings,
        events: this.#events,
        remove: async () => {
          await removeContainer(made);
          this.#events.forget(made.id);
          this.#containers.delete(made.id);
        },
      });
      this.#containers.set(made.id, container);
      return container;
    } catch (error) {
      this.#events.forget(made.id);
      await removeContainer(made).catch((cause: unknown) => {
        this.#logger.warn(`cannot remove ${spec.name}, which did not start`, { error: cause });
      });
      throw startError(spec, error);
    }
  }

  /** Creates the container, pulling its image where that is called for. */
  async #make(spec: ContainerSpec): Promise<Docker.Container> {
    const { reference } = spec.image;
    const policy = pullPolicy(spec.image, this.#settings.localImagePrefix);
    let pullFailure: unknown;
    if (policy === 'required' || policy === 'tried') {
      try {
        await this.#images.pull(reference);
      } catch (error) {
        if (policy === 'required') throw pullError(reference, error);
        pullFailure = error;
      }
    }
    const options = containerOptions(spec, this.#settings);
    try {
      return await this.#docker.createContainer(options);
    } catch (error) {
      if (statusOf(error) !== 404) throw startError(spec, error);
      if (policy === 'never') {
        throw new ContainerStartError(`The image ${reference} is not here; \`npm run runtimes\` builds it.`, {
          cause: error,
        });
      }
      if (policy !== 'ifMissing') throw pullError(reference, pullFailure ?? error);
    }
    try {
      await this.#images.pull(reference);
    } catch (error) {
      throw new ContainerStartError(`Failed to pull container image '${reference}'.`, { cause: error });
    }
    try {
      return await this.#docker.createContainer(options);
    } catch (error) {
      throw startError(spec, error);
    }
  }
}

/** When to try again to remove a container, in ms: an engine may be busy with it, or be starting anew. */
const REMOVAL_RETRIES = [200, 1000, 3000];

/** Removes a container however it is; one that is gone or going is none. */
async function removeContainer(container: Docker.Container): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await container.remove({ force: true, v: true });
      return;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404 || (status === 409 && String(error).includes('already in progress'))) return;
      const delay = REMOVAL_RETRIES[attempt];
      if (delay === undefined) throw error;
      await sleep(delay);
    }
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : undefined;
}

function startError(spec: ContainerSpec, error: unknown): ContainerStartError {
  if (error instanceof ContainerStartError) return error;
  const text = String(error);
  // The image's own fault, which its user should hear of.
  if (text.includes('executable file not found')) {
    return new ContainerStartError(`executable file not found in image ${spec.image.reference}`, {
      imageMissing: spec.image.kind === 'blackbox',
      cause: error,
    });
  }
  return new ContainerStartError(`cannot start ${spec.name}: ${text}`, { cause: error });
}
