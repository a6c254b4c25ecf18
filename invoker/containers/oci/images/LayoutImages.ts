import { rm, stat } from 'node:fs/promises';
import { ContainerStartError, type ContainerImage } from '../../ContainerDriver.js';
import { messageOf } from '../../../../shared/errors/reasons.js';
import type { ImageSource, SourceImage } from './ImageSource.js';
import { Layout, openLayout } from './Layout.js';

/** The images of OCI layouts. The first layout that has an image gives it. */
export class LayoutImages implements ImageSource {
  readonly #paths: readonly string[];
  readonly #scratch: string;
  /** By path. What was opened stays open, also if another layout cannot be opened: archives are large. */
  readonly #opened = new Map<string, Promise<Layout>>();

  /**
   * @param paths folders, or archives of such.
   * @param scratch a folder for unpacked archives, which is this source's own.
   */
  constructor(paths: readonly string[], scratch: string) {
    this.#paths = paths;
    this.#scratch = scratch;
  }

  /** @throws ContainerStartError for a damaged layout */
  async find({ reference }: ContainerImage): Promise<SourceImage | undefined> {
    try {
      for (const path of this.#paths) {
        const found = await (await this.#layout(path)).find(reference);
        if (found) return found;
      }
      return undefined;
    } catch (error) {
      throw new ContainerStartError(`cannot get the image ${reference}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** A folder has an image if it has its configuration. An archive may have any: it is not read for this. */
  async has(id: string): Promise<boolean> {
    const having = this.#paths.map(async (path) => {
      const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
      return !isFolder || (await new Layout(path).has(id));
    });
    return (await Promise.all(having)).includes(true);
  }

  async removeLeftovers(): Promise<void> {
    // An archive is unpacked at the first use, after this.
    if (this.#opened.size === 0) await rm(this.#scratch, { recursive: true, force: true }).catch(() => undefined);
  }

  #layout(path: string): Promise<Layout> {
    let opened = this.#opened.get(path);
    if (!opened) {
      opened = openLayout(path, this.#scratch).catch((error: unknown) => {
        this.#opened.delete(path);
        throw error;
      });
      this.#opened.set(path, opened);
    }
    return opened;
  }
}
