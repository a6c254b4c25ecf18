import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { parseImageName } from '../../../shared/runtimes/image.js';
import { ContainerStartError, type ContainerImage } from '../ContainerDriver.js';
import { engineCall } from './engineCall.js';

/** What to do about an image before a container is made of it. */
export type PullPolicy =
  /** It is pulled, and has to be. */
  | 'required'
  /** It is pulled where that works; an older one that is here will do. */
  | 'tried'
  /** It is pulled only where it is not here. */
  | 'ifMissing'
  /** It is made here, and in no registry. */
  | 'never';

/**
 * A user's image is pulled each time: with the tag `latest` (or none) nothing but the latest will do. An image of the
 * installation is pulled once.
 */
export function pullPolicy(image: ContainerImage, localImagePrefix: string): PullPolicy {
  const name = parseImageName(image.reference);
  if (name?.prefix === localImagePrefix && name.registry === undefined) return 'never';
  if (!image.pull) return 'ifMissing';
  return name?.digest === undefined && (name?.tag ?? 'latest') === 'latest' ? 'required' : 'tried';
}

/** The images of one engine: pulls them, each once at a time. */
export class Images {
  readonly #docker: Docker;
  readonly #logger: Logger;
  readonly #limitMs: number;
  readonly #pulls = new Map<string, Promise<void>>();

  /** @param limitMs how long a pull may take, from its start to its end. */
  constructor(docker: Docker, logger: Logger, limitMs: number) {
    this.#limitMs = limitMs;
    this.#docker = docker;
    this.#logger = logger;
  }

  /** @throws Error with the registry's reason */
  pull(reference: string): Promise<void> {
    let pull = this.#pulls.get(reference);
    if (!pull) {
      pull = this.#pull(reference).finally(() => this.#pulls.delete(reference));
      this.#pulls.set(reference, pull);
    }
    return pull;
  }

  async #pull(reference: string): Promise<void> {
    const start = performance.now();
    // Without a tag Docker would pull all of them.
    const name = parseImageName(reference);
    const tagged = name && name.tag === undefined && name.digest === undefined ? `${reference}:latest` : reference;
    // A late pull is cut off: the engine keeps the layers that it has.
    const late = new AbortController();
    const pulled = (async () => {
      const progress: NodeJS.ReadableStream = await this.#docker.pull(tagged, { abortSignal: late.signal });
      await new Promise<void>((resolve, reject) => {
        this.#docker.modem.followProgress(progress, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    })();
    await engineCall(`the pull of ${reference}`, this.#limitMs, pulled).finally(() => late.abort());
    this.#logger.info(`pulled ${reference} in ${Math.round(performance.now() - start)} ms`);
  }
}

/** The image cannot be pulled; in the words that OpenWhisk's users know. */
export function pullError(reference: string, cause: unknown): ContainerStartError {
  return new ContainerStartError(`Failed to pull container image '${reference}'.`, { imageFault: true, cause });
}
