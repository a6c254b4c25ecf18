import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { BLACKBOX } from '../../../shared/entities/exec.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import type { Cgroup } from '../cgroups/Cgroup.js';
import { CgroupGuardian } from '../cgroups/CgroupGuardian.js';
import { Cgroups } from '../cgroups/Cgroups.js';
import { ContainerStartError, type Container, type ContainerDriver, type ContainerSpec } from '../ContainerDriver.js';
import { ENGINE_LIMITS } from '../docker/engineCall.js';
import { ImageSupply } from '../docker/ImageSupply.js';
import type { LocalImages } from '../docker/LocalImages.js';
import type { Registries } from '../docker/registries.js';
import { Fleet } from '../Fleet.js';
import { cpuSharesOf, SHARED_FOLDER } from '../inContainer.js';
import { Bundle, IMAGE_FILE } from './Bundle.js';
import type { OciProgram } from './detect.js';
import { hosts, resolvConf, systemResolvers } from './files.js';
import { EngineImages } from './images/EngineImages.js';
import type { ImageSource } from './images/ImageSource.js';
import { LayoutImages } from './images/LayoutImages.js';
import { OciContainer } from './OciContainer.js';
import { OciNetworks, type OciNetwork, type Subnet } from './OciNetworks.js';
import { RootFilesystems } from './RootFilesystems.js';
import { MAPPED_USERS } from './users.js';

/** The settings of all containers. */
export interface OciSettings {
  readonly preparedNetworks: number;
  readonly pidsLimit: number;
  /** See `Cgroups.open`. */
  readonly cpuShares?: number | undefined;
  readonly openFiles: number;
  readonly addCapabilities: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** Lines of `/etc/hosts`, as `NAME:ADDRESS`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[];
  readonly registries: Registries;
  /** OCI layouts: folders, or archives of such. */
  readonly layouts: readonly string[];
  /** The user of this machine that is root in containers, which have user namespaces; undefined: they have none. */
  readonly firstUser: number | undefined;
}

export interface OciDriverOptions extends OciSettings {
  readonly logger: Logger;
  /** The owner of the containers: letters, digits, `-` and `_`. Its leftovers are removed at the start. */
  readonly owner: string;
  /** The longest wait for the runtime to start a container, in ms; missing: 30 s. */
  readonly startMs?: number | undefined;
  readonly program: OciProgram;
  /** The engine that has or pulls the images which no layout has; undefined: only layouts have images. */
  readonly docker: Docker | undefined;
  readonly images: LocalImages;
  /** Its bridge must be open: see `openBridge`. */
  readonly subnet: Subnet;
  readonly localImagePrefix: string;
}

/** The folder of all owners. Only root reads it. */
const FOLDER = '/var/lib/palette-whisk/oci';
const MB = 1024 * 1024;
/** The runtime's errors for an unusable image: its command or its working directory. */
const IMAGE_FAULT = /executable file|No such file or directory|Permission denied|Exec format|Is a directory|chdir/i;

/** What is made for one container, to be removed with it or when it does not start. */
interface Parts {
  network?: OciNetwork;
  cgroup?: Cgroup;
}

/** Containers of an OCI runtime, without an engine at their start: images are unpacked once, networks are prepared. */
export class OciDriver implements ContainerDriver {
  readonly name = 'oci';
  readonly #options: OciDriverOptions;
  readonly #folder: string;
  readonly #roots: RootFilesystems;
  readonly #networks: OciNetworks;
  readonly #containers: Fleet<OciContainer>;
  /** Distinguishes the bundles of this run from those of earlier runs. */
  readonly #run = `${Date.now().toString(36)}-`;
  #count = 0;
  #opened: Promise<Cgroups> | undefined;
  #guardian: CgroupGuardian | undefined;

  constructor(options: OciDriverOptions) {
    const {
      owner,
      docker,
      images,
      registries,
      logger,
      subnet,
      layouts,
      localImagePrefix,
      preparedNetworks,
      firstUser,
    } = options;
    this.#options = options;
    this.#folder = join(FOLDER, 'owners', owner);
    const limits = ENGINE_LIMITS;
    const sources: ImageSource[] = [];
    if (layouts.length > 0) sources.push(new LayoutImages(layouts, join(this.#folder, 'layouts')));
    if (docker) {
      const supply = new ImageSupply({ docker, logger, limits, registries, localImagePrefix, local: images });
      sources.push(new EngineImages({ docker, images: supply, owner, limits, log: logger }));
    }
    this.#roots = new RootFilesystems({ sources, log: logger, data: FOLDER, firstUser });
    // Owners begin at different addresses, so that they seldom try the same one.
    const first = createHash('sha256').update(owner).digest().readUInt32BE();
    this.#networks = new OciNetworks(owner, subnet, preparedNetworks, logger, first);
    this.#containers = new Fleet(logger, () => this.#networks.fill());
  }

  async removeLeftovers(): Promise<number> {
    const isLeft = (name: string): boolean => !name.startsWith(this.#run);
    const cgroups = await this.#open();
    await cgroups.removeLeftovers(isLeft);
    await this.#networks.removeLeftovers();
    await this.#roots.prune(await imagesInUse(), Date.now());
    const left = (await readdir(this.#bundles).catch(() => [])).filter(isLeft);
    for (const name of left) await this.#removeFiles(name);
    this.#networks.fill(0);
    return left.length;
  }

  create(spec: ContainerSpec): Promise<Container> {
    const start = this.#create(spec);
    this.#containers.follow(start);
    return start;
  }

  seenAt(): string {
    return SHARED_FOLDER;
  }

  async close(): Promise<void> {
    await this.#containers.close();
    await this.#networks.close();
    this.#roots.close();
    this.#guardian?.close();
    this.#guardian = undefined;
    await (await this.#opened?.catch(() => undefined))?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The files that all containers have. */
  get #etc(): string {
    return join(this.#folder, 'etc');
  }

  get #bundles(): string {
    return join(this.#folder, 'bundles');
  }

  async #create(spec: ContainerSpec): Promise<Container> {
    this.#count += 1;
    const name = `${this.#run}${this.#count}`;
    const parts: Parts = {};
    const remove = async (): Promise<void> => {
      if (parts.network) this.#networks.discard(parts.network);
      await this.#removeFiles(name);
    };
    try {
      const container = await this.#start(spec, name, parts, remove);
      this.#containers.add(container);
      return container;
    } catch (error) {
      const clear = async (): Promise<void> => {
        await parts.cgroup?.destroy();
        await remove();
      };
      const remains = await clear().then(
        () => undefined,
        () => ({ destroy: clear }),
      );
      throw startError(spec, error, remains);
    }
  }

  async #start(spec: ContainerSpec, name: string, parts: Parts, remove: () => Promise<void>): Promise<OciContainer> {
    const { pidsLimit, openFiles, addCapabilities } = this.#options;
    const { firstUser } = this.#options;
    const bundle = new Bundle(join(this.#bundles, name), firstUser);
    const cgroups = await this.#open();
    // All settle before an error is thrown, so that nothing is made after it was cleared away.
    const [root, network, cgroup] = await settled([
      this.#roots.of(spec.image),
      this.#networks.take().then((taken) => (parts.network = taken)),
      cgroups
        .create(name, { memoryBytes: spec.memoryMB * MB, pids: pidsLimit, cpuShares: cpuSharesOf(spec) })
        .then((made) => (parts.cgroup = made)),
      bundle.make(this.#etc),
    ]);
    const { uid, gid } = root.config.user;
    if (firstUser !== undefined && Math.max(uid, gid) >= MAPPED_USERS) {
      throw new ContainerStartError(`The image's user ${uid}:${gid} is over ${MAPPED_USERS - 1}.`, {
        imageFault: true,
      });
    }
    await bundle.write(root.id, { spec, image: root.config, network: network.path, openFiles, addCapabilities });
    const container = await OciContainer.start({
      spec,
      name,
      program: this.#options.program,
      state: join(this.#folder, 'state'),
      bundle,
      image: root.folder,
      cgroup,
      address: network.address,
      networkPath: network.path,
      startMs: this.#options.startMs,
      remove: async () => {
        await remove();
        this.#containers.delete(container);
      },
    });
    return container;
  }

  /** Opens the control groups and writes the files that all containers share, once. */
  #open(): Promise<Cgroups> {
    return (this.#opened ??= this.#prepare().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    }));
  }

  async #prepare(): Promise<Cgroups> {
    const opened = await Cgroups.open(this.#options.owner, this.#options.cpuShares);
    if (!opened.usable) throw new Error(opened.reason);
    await mkdir(FOLDER, { recursive: true, mode: 0o700 });
    const etc = this.#etc;
    for (const folder of [etc, this.#bundles, join(this.#folder, 'state')]) await mkdir(folder, { recursive: true });
    await writeFile(join(etc, 'hosts'), hosts(this.#options.extraHosts, this.#options.subnet));
    await writeFile(join(etc, 'resolv.conf'), resolvConf(this.#options, await systemResolvers()));
    this.#guardian ??= new CgroupGuardian(opened.cgroups.prefixes(this.#run));
    return opened.cgroups;
  }

  async #removeFiles(name: string): Promise<void> {
    const folders = [join(this.#folder, 'state', name), join(this.#bundles, name)];
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

/** The results of promises, as `Promise.all`, but waits for all of them before it throws the first error. */
async function settled<A, B, C>(
  work: readonly [Promise<A>, Promise<B>, Promise<C>, Promise<void>],
): Promise<[A, B, C, void]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** The ids of the images of all owners' containers. */
async function imagesInUse(): Promise<Set<string>> {
  const used = new Set<string>();
  const owners = join(FOLDER, 'owners');
  for (const owner of await readdir(owners).catch(() => [])) {
    const bundles = join(owners, owner, 'bundles');
    for (const name of await readdir(bundles).catch(() => [])) {
      used.add(await readFile(join(bundles, name, IMAGE_FILE), 'utf8').catch(() => ''));
    }
  }
  return used;
}

/** Why the container did not start. Distinguishes faults of the user's image from faults of the platform. */
function startError(
  spec: ContainerSpec,
  error: unknown,
  remains: { destroy(): Promise<void> } | undefined,
): ContainerStartError {
  const text = messageOf(error);
  if (!(error instanceof ContainerStartError)) {
    return new ContainerStartError(`cannot start ${spec.name}: ${text}`, { cause: error, remains });
  }
  if (error.imageFault || spec.image.kind !== BLACKBOX || !error.endedAtOnce) {
    return new ContainerStartError(text, { imageFault: error.imageFault, cause: error.cause ?? error, remains });
  }
  const { reference } = spec.image;
  const message = IMAGE_FAULT.test(text) ? `The container image '${reference}' does not start.` : text;
  return new ContainerStartError(message, { imageFault: true, cause: error, remains });
}
