import type Docker from 'dockerode';
import { BLACKBOX } from '../../../shared/entities/exec.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import { ContainerStartError, type Container, type ContainerDriver, type ContainerSpec } from '../ContainerDriver.js';
import { Fleet } from '../Fleet.js';
import { SHARED_FOLDER } from '../inContainer.js';
import { DockerContainer } from './DockerContainer.js';
import { engineCall, ENGINE_LIMITS, type EngineLimits } from './engineCall.js';
import { EngineEvents } from './EngineEvents.js';
import { NO_GPUS, NO_GPUS_TEXT } from './gpus.js';
import { changesNetwork } from './extraArgs.js';
import { ImageSupply } from './ImageSupply.js';
import { BUILT_BY_HAND, type LocalImages } from './LocalImages.js';
import { PreparedNetworks, type PreparedNetwork } from './PreparedNetworks.js';
import { mayBeDone, Remains, removeContainer, statusOf } from './removal.js';
import {
  containerName,
  containerOptions,
  DEFAULT_DOCKER_SETTINGS,
  HOLDER_LABEL,
  OWNER_LABEL,
  type DockerSettings,
} from './settings.js';

export interface DockerDriverOptions extends Partial<DockerSettings> {
  /** Without an own agent, which is faster. */
  readonly docker: Docker;
  readonly logger: Logger;
  readonly owner: string;
  /** Default: images are built by hand. */
  readonly images?: LocalImages | undefined;
  readonly limits?: EngineLimits | undefined;
}

/** The interval in ms at which to look for containers of the engine that the driver does not know. */
const STRAYS_MS = 60_000;

interface Made {
  readonly container: Docker.Container;
  /** The prepared network that it joins; undefined: it has an own one. */
  readonly network: PreparedNetwork | undefined;
}

/** Containers of a Docker Engine. */
export class DockerDriver implements ContainerDriver {
  readonly name = 'docker';
  readonly #docker: Docker;
  readonly #logger: Logger;
  #settings: DockerSettings;
  readonly #limits: EngineLimits;
  readonly #images: ImageSupply;
  readonly #events: EngineEvents;
  readonly #networks: PreparedNetworks;
  readonly #containers: Fleet<DockerContainer>;
  /** The names of containers from their creation until their removal. */
  readonly #known = new Set<string>();
  #strays: NodeJS.Timeout | undefined;

  constructor({ docker, logger, images = BUILT_BY_HAND, limits = ENGINE_LIMITS, ...settings }: DockerDriverOptions) {
    this.#limits = limits;
    this.#docker = docker;
    this.#logger = logger;
    const all = { ...DEFAULT_DOCKER_SETTINGS, ...settings };
    // The engine refuses these arguments for a container that joins the network of another one.
    this.#settings = changesNetwork(all.extraArgs) ? { ...all, preparedNetworks: 0 } : all;
    const { registries, localImagePrefix } = this.#settings;
    this.#images = new ImageSupply({ docker, logger, limits, registries, localImagePrefix, local: images });
    this.#events = new EngineEvents(docker, this.#settings.owner, logger);
    this.#networks = new PreparedNetworks({
      docker,
      log: logger,
      settings: this.#settings,
      limits,
      events: this.#events,
      busy: () => this.#containers.busy,
    });
    this.#containers = new Fleet(logger, () => this.#networks.fill());
  }

  async removeLeftovers(): Promise<number> {
    const filters = { label: [`${OWNER_LABEL}=${this.#settings.owner}`] };
    const listed = this.#docker.listContainers({ all: true, filters });
    const all = await engineCall('the request for a list', this.#limits.callMs, listed);
    const isKnown = (name: string): boolean => this.#known.has(name) || this.#networks.has(name);
    const left = all.filter(({ Names }) => !Names.some((name) => isKnown(name.replace(/^\//, ''))));
    await Promise.all(left.map(({ Id }) => removeContainer(this.#docker.getContainer(Id), this.#limits.callMs)));
    this.#networks.fill(0);
    return left.filter(({ Labels }) => !(HOLDER_LABEL in Labels)).length;
  }

  create({ image, ...rest }: ContainerSpec): Promise<Container> {
    const spec = { ...rest, image: this.#images.named(image) };
    this.#strays ??= setInterval(() => void this.#removeStrays(), STRAYS_MS).unref();
    const name = engineName(spec);
    this.#known.add(name);
    const start = this.#create(spec, () => this.#known.delete(name));
    this.#containers.follow(start.catch((error: unknown) => this.#clear(spec, error)));
    return start;
  }

  seenAt(): string | undefined {
    return this.#settings.sharesFiles ? SHARED_FOLDER : undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#strays);
    await this.#containers.close();
    await this.#networks.close();
    this.#events.close();
  }

  async #create(spec: ContainerSpec, onRemoved: () => void): Promise<Container> {
    const made = await this.#make(spec);
    try {
      return await this.#start(made, spec, onRemoved);
    } catch (error) {
      if (!made.network || !isNetworkFault(error)) throw error;
      this.#logger.warn('a container could not join its prepared network; it gets an own one', { error });
      await Remains.of(made.container, this.#limits.callMs).destroy();
      const network = undefined;
      return await this.#start({ container: await this.#ask(spec, network), network }, spec, onRemoved);
    }
  }

  async #start({ container: made, network }: Made, spec: ContainerSpec, onRemoved: () => void): Promise<Container> {
    try {
      const container = await DockerContainer.start({
        container: made,
        address: network?.address,
        spec,
        settings: this.#settings,
        events: this.#events,
        limits: this.#limits,
        remove: async () => {
          await removeContainer(made, this.#limits.callMs);
          this.#events.forget(made.id);
          this.#containers.delete(container);
          if (network) this.#networks.discard(network);
          onRemoved();
        },
      });
      this.#containers.add(container);
      return container;
    } catch (error) {
      this.#events.forget(made.id);
      if (network) this.#networks.discard(network);
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

  /** Creates the container, once its image is here. @throws ContainerStartError */
  async #make(spec: ContainerSpec): Promise<Made> {
    try {
      return await this.#images.use(spec.image, (image) => this.#created({ ...spec, image }));
    } catch (error) {
      throw error instanceof ContainerStartError ? error : this.#notCreated(spec, error);
    }
  }

  /** Creates the container, to join a prepared network if there is one. */
  async #created(spec: ContainerSpec): Promise<Made> {
    const network = this.#networks.take();
    try {
      return { container: await this.#ask(spec, network), network };
    } catch (error) {
      if (!network) throw error;
      // The engine may complete a creation without a response.
      if (mayBeDone(error) || isNetworkFault(error)) this.#networks.discard(network);
      else this.#networks.giveBack(network);
      if (!isNetworkFault(error)) throw error;
      return { container: await this.#ask(spec, undefined), network: undefined };
    }
  }

  /** The engine may complete a creation after the timeout: see `Remains.ofCutOff` and `#removeStrays`. */
  async #ask(spec: ContainerSpec, network: PreparedNetwork | undefined): Promise<Docker.Container> {
    const ask = (): Promise<Docker.Container> => {
      const creation = this.#docker.createContainer(containerOptions(spec, this.#settings, network?.holder));
      return engineCall('the creation of a container', this.#limits.callMs, creation);
    };
    const { diskBytes } = this.#settings;
    try {
      return await ask();
    } catch (error) {
      if (diskBytes === 0 || !NO_DISK_LIMIT.test(String(error))) throw error;
      if (this.#settings.diskBytes > 0) {
        this.#settings = { ...this.#settings, diskBytes: 0 };
        this.#logger.warn('containers may fill the disk: the storage driver of Docker has no quotas', { error });
      }
      return ask();
    }
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
/** The engine's errors for a network to join whose holder has ended or is gone. */
const NETWORK_FAULT = /join network|network container|network namespace|\/ns\/net|No such container/i;
const isNetworkFault = (error: unknown): boolean =>
  statusOf(causeOf(error)) !== undefined && NETWORK_FAULT.test(String(error));
const causeOf = (error: unknown): unknown => (error instanceof ContainerStartError ? error.cause : error);
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
