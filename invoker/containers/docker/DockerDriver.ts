import type Docker from 'dockerode';
import { BLACKBOX } from '../../../shared/entities/exec.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import { ContainerStartError, type Container, type ContainerDriver, type ContainerSpec } from '../ContainerDriver.js';
import { DockerContainer } from './DockerContainer.js';
import { engineCall, ENGINE_LIMITS, type EngineLimits } from './engineCall.js';
import { EngineEvents } from './EngineEvents.js';
import { Images, pullError, pullPolicy } from './Images.js';
import { mayBeDone, Remains, removeContainer, statusOf } from './removal.js';
import {
  containerName,
  containerOptions,
  DEFAULT_DOCKER_SETTINGS,
  OWNER_LABEL,
  type DockerSettings,
} from './settings.js';

export interface DockerDriverOptions extends Partial<DockerSettings> {
  /** Without an own agent, which is faster. */
  readonly docker: Docker;
  readonly logger: Logger;
  readonly owner: string;
  readonly limits?: EngineLimits | undefined;
}

/** The interval in ms at which to look for containers of the engine that the driver does not know. */
const STRAYS_MS = 60_000;

/** Containers of a Docker Engine. */
export class DockerDriver implements ContainerDriver {
  readonly name = 'docker';
  readonly #docker: Docker;
  readonly #logger: Logger;
  #settings: DockerSettings;
  readonly #limits: EngineLimits;
  readonly #images: Images;
  readonly #events: EngineEvents;
  readonly #containers = new Map<string, DockerContainer>();
  readonly #starting = new Set<Promise<unknown>>();
  /** The names of containers from their creation until their removal. */
  readonly #known = new Set<string>();
  #strays: NodeJS.Timeout | undefined;

  constructor({ docker, logger, limits = ENGINE_LIMITS, ...settings }: DockerDriverOptions) {
    this.#limits = limits;
    this.#docker = docker;
    this.#logger = logger;
    this.#settings = { ...DEFAULT_DOCKER_SETTINGS, ...settings };
    this.#images = new Images(docker, logger, limits.pullMs);
    this.#events = new EngineEvents(docker, this.#settings.owner, logger);
  }

  async removeLeftovers(): Promise<number> {
    const filters = { label: [`${OWNER_LABEL}=${this.#settings.owner}`] };
    const listed = this.#docker.listContainers({ all: true, filters });
    const all = await engineCall('the request for a list', this.#limits.callMs, listed);
    const left = all.filter(({ Names }) => !Names.some((name) => this.#known.has(name.replace(/^\//, ''))));
    await Promise.all(left.map(({ Id }) => removeContainer(this.#docker.getContainer(Id), this.#limits.callMs)));
    return left.length;
  }

  create(spec: ContainerSpec): Promise<Container> {
    this.#strays ??= setInterval(() => void this.#removeStrays(), STRAYS_MS).unref();
    const name = engineName(spec);
    this.#known.add(name);
    const start = this.#create(spec, () => this.#known.delete(name));
    const settled = start
      .catch((error: unknown) => this.#clear(spec, error))
      .finally(() => this.#starting.delete(settled));
    this.#starting.add(settled);
    return start;
  }

  async close(): Promise<void> {
    clearInterval(this.#strays);
    await Promise.all(this.#starting);
    const removals = [...this.#containers.values()].map((container) => container.destroy());
    for (const removal of await Promise.allSettled(removals)) {
      if (removal.status === 'rejected') this.#logger.warn('cannot remove a container', { error: removal.reason });
    }
    this.#events.close();
  }

  async #create(spec: ContainerSpec, onRemoved: () => void): Promise<Container> {
    const made = await this.#make(spec);
    try {
      const container = await DockerContainer.start({
        container: made,
        spec,
        settings: this.#settings,
        events: this.#events,
        limits: this.#limits,
        remove: async () => {
          await removeContainer(made, this.#limits.callMs);
          this.#events.forget(made.id);
          this.#containers.delete(made.id);
          onRemoved();
        },
      });
      this.#containers.set(made.id, container);
      return container;
    } catch (error) {
      this.#events.forget(made.id);
      throw startError(spec, error, Remains.of(made, this.#limits.callMs));
    }
  }

  /** Removes the rest of a container that did not start. If that fails, the caller of `create` retries. */
  async #clear(spec: ContainerSpec, error: unknown): Promise<void> {
    try {
      if (error instanceof ContainerStartError) await error.remains?.destroy();
      this.#known.delete(engineName(spec));
    } catch (cause) {
      this.#logger.warn(`cannot remove ${spec.name}, which did not start`, { error: cause });
    }
  }

  /** Removes containers whose creation the engine did not confirm. Never rejects. */
  async #removeStrays(): Promise<void> {
    try {
      const removed = await this.removeLeftovers();
      if (removed > 0) this.#logger.warn(`removed ${removed} containers whose creation the engine had not confirmed`);
    } catch (error) {
      this.#logger.warn("could not list the engine's containers", { error });
    }
  }

  /** Creates the container. Pulls its image if the policy requires it. */
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
    try {
      return await this.#created(spec);
    } catch (error) {
      if (statusOf(error) !== 404) throw this.#notCreated(spec, error);
      if (policy === 'never') {
        throw new ContainerStartError(`The image ${reference} is not here; \`npm run runtimes\` builds it.`, {
          imageFault: true,
          cause: error,
        });
      }
      if (policy !== 'ifMissing') throw pullError(reference, pullFailure ?? error);
    }
    try {
      await this.#images.pull(reference);
    } catch (error) {
      throw pullError(reference, error);
    }
    try {
      return await this.#created(spec);
    } catch (error) {
      throw this.#notCreated(spec, error);
    }
  }

  /** The engine may complete a creation after the timeout: see `Remains.ofCutOff` and `#removeStrays`. */
  async #created(spec: ContainerSpec): Promise<Docker.Container> {
    const { diskBytes } = this.#settings;
    try {
      return await this.#ask(containerOptions(spec, this.#settings));
    } catch (error) {
      if (diskBytes === 0 || !NO_DISK_LIMIT.test(String(error))) throw error;
      if (this.#settings.diskBytes > 0) {
        this.#settings = { ...this.#settings, diskBytes: 0 };
        this.#logger.warn('containers may fill the disk: the storage driver of Docker has no quotas', { error });
      }
      return this.#ask(containerOptions(spec, this.#settings));
    }
  }

  #ask(options: Docker.ContainerCreateOptions): Promise<Docker.Container> {
    const creation = this.#docker.createContainer(options);
    return engineCall('the creation of a container', this.#limits.callMs, creation);
  }

  #notCreated(spec: ContainerSpec, error: unknown): ContainerStartError {
    const cutOff = mayBeDone(error)
      ? Remains.ofCutOff(this.#docker.getContainer(engineName(spec)), this.#limits.callMs)
      : undefined;
    return startError(spec, error, cutOff);
  }
}

/** The engine's errors for an unusable image: its command, its user or its working directory. */
const IMAGE_FAULT =
  /executable file|no command specified|exec: |exec format|entrypoint|no such file or directory|permission denied|not a directory|is a directory|unable to find user|no matching entries|working directory|invalid reference/i;
/** The engine's error for a storage driver or a file system without quotas. */
const NO_DISK_LIMIT = /storage-opt/i;
/** The engine's error for GPUs without a driver for them. */
const NO_GPUS = /could not select device driver/i;
const NO_GPUS_TEXT =
  'Docker has no driver for GPUs on this machine: install the NVIDIA Container Toolkit, or unset CONTAINER_GPUS.';
/** The engine's errors for problems of its machine. */
const MACHINE_FAULT = /no space left|cgroup|too many open files|temporarily unavailable|cannot allocate|network/i;

/** Why the container did not start. Distinguishes faults of the user's image from faults of the platform. */
function startError(spec: ContainerSpec, error: unknown, remains?: Remains): ContainerStartError {
  if (error instanceof ContainerStartError) {
    const imageFault = error.imageFault || (isUsers(spec) && error.endedAtOnce);
    return new ContainerStartError(error.message, { imageFault, cause: error.cause, remains });
  }
  const text = String(error);
  if (NO_GPUS.test(text)) return new ContainerStartError(NO_GPUS_TEXT, { cause: error, remains });
  const answered = statusOf(error) !== undefined;
  if (answered && isUsers(spec) && IMAGE_FAULT.test(text) && !MACHINE_FAULT.test(text)) {
    const message = text.includes('executable file not found')
      ? `executable file not found in image ${spec.image.reference}`
      : `The container image '${spec.image.reference}' does not start.`;
    return new ContainerStartError(message, { imageFault: true, cause: error, remains });
  }
  return new ContainerStartError(`cannot start ${spec.name}: ${text}`, { cause: error, remains });
}

const isUsers = ({ image }: ContainerSpec): boolean => image.kind === BLACKBOX;

/** The container's name in the engine: see `containerOptions`. */
const engineName = ({ name }: ContainerSpec): string => containerName(name);
