import { chown, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigOptions, MappedConfig } from './config.js';
import { ociConfig } from './config.js';
import { REACHED } from './users.js';

/** The file with the id of the image. */
export const IMAGE_FILE = 'image';

/**
 * The folder of one container:
 *
 *   config.json      for the runtime
 *   image            the id of its image
 *   rootfs           where its overlay is mounted
 *   own/upper        what it writes, and `own/work`, which the kernel needs
 *   sys, shared      where a container with a user namespace finds what it may not mount, or not reach
 *   hosts, resolv.conf
 */
export class Bundle {
  readonly folder: string;
  readonly #first: number | undefined;

  /** @param first see `MappedConfig`; undefined: no user namespace. */
  constructor(folder: string, first: number | undefined) {
    this.folder = folder;
    this.#first = first;
  }

  /** Whether it has a user namespace. */
  get isMapped(): boolean {
    return this.#first !== undefined;
  }

  /** Where the container reaches the folder. */
  get reached(): string {
    return this.isMapped ? REACHED : this.folder;
  }

  /** Makes the folders. @param etc the folder of `hosts` and `resolv.conf`. @throws Error */
  async make(etc: string): Promise<void> {
    const mapped = this.#first;
    await mkdir(this.folder, { mode: mapped === undefined ? 0o700 : 0o711 });
    const own = join(this.folder, 'own');
    await mkdir(own, { mode: 0o700 });
    const upper = join(own, 'upper');
    // The kernel shows the owner of `upper` as that of the container's `/`.
    for (const path of [upper, join(own, 'work'), join(this.folder, 'rootfs')]) await mkdir(path, { mode: 0o755 });
    for (const name of ['hosts', 'resolv.conf']) await link(join(etc, name), join(this.folder, name));
    if (mapped === undefined) return;
    await chown(upper, mapped, mapped);
    for (const name of ['sys', 'shared']) await mkdir(join(this.folder, name), { mode: 0o755 });
  }

  /** Writes the files for the runtime. @throws Error */
  async write(imageId: string, options: Omit<ConfigOptions, 'users' | 'etc'>): Promise<void> {
    await writeFile(join(this.folder, IMAGE_FILE), imageId, { mode: 0o600 });
    const config = ociConfig({ ...options, etc: this.reached, users: this.#mappedConfig() });
    await writeFile(join(this.folder, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  }

  #mappedConfig(): MappedConfig | undefined {
    if (this.#first === undefined) return undefined;
    return { first: this.#first, sys: join(REACHED, 'sys'), shared: join(REACHED, 'shared') };
  }
}
