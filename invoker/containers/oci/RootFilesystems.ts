import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { codeOf } from '../../../shared/errors/reasons.js';
import type { Logger } from '../../../shared/logging/Logger.js';
import { ContainerStartError, type ContainerImage } from '../ContainerDriver.js';
import type { ImageConfig } from './config.js';
import { shiftOwners } from './users.js';
import type { ImageSource, SourceConfig, SourceImage } from './images/ImageSource.js';

/** An image's files in a folder of this machine, and its configuration. */
export interface RootFilesystem {
  /** The image's id, without `sha256:`. */
  readonly id: string;
  readonly folder: string;
  readonly config: ImageConfig;
}

export interface RootFilesystemsParts {
  /** In the order in which they are asked: the first source with the image provides it. */
  readonly sources: readonly ImageSource[];
  readonly log: Logger;
  /** The folder of the folders of unpacked images, which all owners share: one for each mapping of users. */
  readonly data: string;
  /** The user of this machine that is root in containers; undefined: users are not mapped. */
  readonly firstUser: number | undefined;
}

const FILES = 'rootfs';
/** The folders of unpacked images, without a mapping and with one. */
const FOLDERS = /^images(-\d+)?$/;
/** The name of an image's folder. Other names are those of images that are not unpacked yet. */
const ID = /^[0-9a-f]{64}$/;
/**
 * A folder that was not unpacked to the end is removed after so long, in ms. Another server may be at it: it changes at each
 * layer, and a layer takes 10 minutes at most.
 */
const ABANDONED_MS = 3_600_000;
/** Images that no start used for so long may be removed if no source has them any more, in ms … */
const RECENT_MS = 600_000;
/** … and in any case after so long. */
const UNUSED_MS = 7 * 24 * 3_600_000;
/** The number of images whose configuration is remembered. */
const MAX_CONFIGS = 500;
/** How often a folder is made in which another server removes its empty parent at the same time. */
const FOLDER_TRIES = 5;
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Unpacks images, each once for its id. */
export class RootFilesystems {
  readonly #parts: RootFilesystemsParts;
  readonly #folder: string;
  /** By id; concurrent starts share one. */
  readonly #unpacking = new Map<string, Promise<string>>();
  /** By id, which names the content of an image. */
  readonly #configs = new LRUCache<string, ImageConfig>({ max: MAX_CONFIGS });

  constructor(parts: RootFilesystemsParts) {
    const { data, firstUser } = parts;
    this.#parts = parts;
    this.#folder = join(data, firstUser === undefined ? 'images' : `images-${firstUser}`);
  }

  /** The files of an image, which is fetched and unpacked if necessary. @throws ContainerStartError, Error */
  async of(image: ContainerImage): Promise<RootFilesystem> {
    const found = await this.#find(image);
    let unpacked = this.#unpacking.get(found.id);
    if (!unpacked) {
      unpacked = this.#unpack(found).finally(() => this.#unpacking.delete(found.id));
      this.#unpacking.set(found.id, unpacked);
    }
    const folder = await unpacked;
    const config = this.#configs.get(found.id) ?? (await imageConfig(found.config, folder));
    this.#configs.set(found.id, config);
    return { id: found.id, folder, config };
  }

  /** To be called when no image is asked for any more. */
  close(): void {
    for (const source of this.#parts.sources) source.close?.();
  }

  /**
   * Removes what fetches of earlier runs left, and images that no container uses: those that no source has any more, and
   * those that were not used for a week, also those of other mappings of users, and folders of a mapping without images.
   * Never rejects.
   * @param inUse the ids of images of existing containers, of all owners.
   */
  async prune(inUse: ReadonlySet<string>, now: number): Promise<void> {
    const { data, sources } = this.#parts;
    for (const source of sources) await source.removeLeftovers();
    for (const folder of await readdir(data).catch(() => [])) {
      if (!FOLDERS.test(folder)) continue;
      for (const name of await readdir(join(data, folder)).catch(() => [])) {
        const path = join(data, folder, name);
        const unusedMs = now - ((await stat(path).catch(() => undefined))?.mtimeMs ?? now);
        if (inUse.has(name) || (await this.#isKept(name, unusedMs))) continue;
        await rm(path, { recursive: true, force: true }).catch(() => undefined);
      }
      // It stays if it has images.
      await rmdir(join(data, folder)).catch(() => undefined);
    }
  }

  /** Whether a folder that no container uses is kept. @param name of the folder. */
  async #isKept(name: string, unusedMs: number): Promise<boolean> {
    if (!ID.test(name)) return unusedMs < ABANDONED_MS;
    if (unusedMs < RECENT_MS) return true;
    if (unusedMs > UNUSED_MS) return false;
    return (await Promise.all(this.#parts.sources.map((source) => source.has(name)))).includes(true);
  }

  async #find(image: ContainerImage): Promise<SourceImage> {
    for (const source of this.#parts.sources) {
      const found = await source.find(image);
      if (found) return found;
    }
    throw new ContainerStartError(`No layout of CONTAINER_OCI_LAYOUTS has the image ${image.reference}.`, {
      imageFault: true,
    });
  }

  /** @returns the folder of the files */
  async #unpack(image: SourceImage): Promise<string> {
    const { log, firstUser } = this.#parts;
    const folder = this.#folder;
    const { id, name } = image;
    const target = join(folder, id);
    const now = new Date();
    // Its time says when it was last used.
    const isThere = await utimes(target, now, now).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      const start = performance.now();
      const part = await newPart(folder);
      try {
        await mkdir(join(part, FILES), { mode: 0o755 });
        await image.unpack(join(part, FILES));
        if (firstUser !== undefined) await shiftOwners(join(part, FILES), firstUser);
        await writeFile(join(part, 'image'), name);
        await rename(part, target);
        log.info(`unpacked ${name} in ${Math.round(performance.now() - start)} ms`);
      } catch (error) {
        await rm(part, { recursive: true, force: true });
        // Another server may have unpacked it meanwhile.
        if (!(await stat(target).catch(() => undefined))) throw error;
      }
    }
    return join(target, FILES);
  }
}

/** Makes a folder for an image that is not unpacked yet. */
async function newPart(folder: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      return await mkdtemp(join(folder, 'part-'));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries === FOLDER_TRIES) throw error;
    }
  }
}

async function imageConfig(config: SourceConfig, files: string): Promise<ImageConfig> {
  const entrypoint = typeof config.Entrypoint === 'string' ? [config.Entrypoint] : (config.Entrypoint ?? []);
  const args = [...entrypoint, ...(config.Cmd ?? [])];
  if (args.length === 0) throw new ContainerStartError('The image names no command.', { imageFault: true });
  const env = config.Env ?? [];
  return {
    args,
    env: env.some((line) => line.startsWith('PATH=')) ? env : [DEFAULT_PATH, ...env],
    cwd: config.WorkingDir ? config.WorkingDir : '/',
    user: resolveUser(config.User ?? '', await etcFile(files, 'passwd'), await etcFile(files, 'group')),
  };
}

/** The text of a file in an image's `/etc`; '' if it is missing, or leads out of the image. */
async function etcFile(files: string, name: string): Promise<string> {
  try {
    const path = await realpath(join(files, 'etc', name));
    return path.startsWith(`${await realpath(files)}/`) ? await readFile(path, 'utf8') : '';
  } catch {
    return '';
  }
}

/**
 * The ids of an image's `USER`: names or numbers, as `USER[:GROUP]`.
 * @param passwd the image's `/etc/passwd`. @param group the image's `/etc/group`.
 * @throws ContainerStartError for an unknown name
 */
export function resolveUser(user: string, passwd: string, group: string): ImageConfig['user'] {
  const [name = '', groupName = ''] = user.split(':');
  const entries = (text: string): string[][] => text.split('\n').map((line) => line.split(':'));
  const unknown = (what: string): never => {
    throw new ContainerStartError(`unable to find ${what} in the image`, { imageFault: true });
  };
  const isNumber = (text: string): boolean => /^\d+$/.test(text);
  const account = entries(passwd).find((fields) => fields[0] === name || (isNumber(name) && fields[2] === name));
  const uid = name === '' ? 0 : isNumber(name) ? Number(name) : Number(account?.[2] ?? unknown(`user ${name}`));
  if (groupName === '') return { uid, gid: name === '' ? 0 : Number(account?.[3] ?? 0) };
  if (isNumber(groupName)) return { uid, gid: Number(groupName) };
  const found = entries(group).find((fields) => fields[0] === groupName);
  return { uid, gid: Number(found?.[2] ?? unknown(`group ${groupName}`)) };
}
