import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { parseImageName } from '../../../shared/runtimes/image.js';
import { ContainerStartError, type ContainerImage } from '../ContainerDriver.js';
import { engineCall } from './engineCall.js';
import { credentialsFor, NO_REGISTRIES, type Registries } from './registries.js';

/** When to pull an image before a container is created from it. */
export type PullPolicy =
  /** Always; a failure is an error. */
  | 'required'
  /** Always; after a failure a local image is used. */
  | 'tried'
  /** Only if the image is not local. */
  | 'ifMissing'
  /** Never: the image is built locally and is not in a registry. */
  | 'never';

/**
 * The policy for an image. A user's image is pulled each time; with the tag `latest` or without a tag the pull must
 * succeed. An image of the installation is pulled once.
 */
export function pullPolicy(image: ContainerImage, localImagePrefix: string): PullPolicy {
  const name = parseImageName(image.reference);
  if (name?.prefix === localImagePrefix && name.registry === undefined) return 'never';
  if (!image.pull) return 'ifMissing';
  return name?.digest === undefined && (name?.tag ?? 'latest') === 'latest' ? 'required' : 'tried';
}

/** Pulls the images of one engine, with at most one pull of each image at a time. */
export class Images {
  readonly #docker: Docker;
  readonly #logger: Logger;
  readonly #limitMs: number;
  readonly #pulls = new Map<string, Promise<void>>();

  readonly #registries: Registries;

  /** @param limitMs the limit for a whole pull. */
  constructor(docker: Docker, logger: Logger, limitMs: number, registries: Registries = NO_REGISTRIES) {
    this.#registries = registries;
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
    this.#logger.info(`pulling ${reference}`);
    const start = performance.now();
    // Without a tag Docker would pull all tags.
    const name = parseImageName(reference);
    const tagged = name && name.tag === undefined && name.digest === undefined ? `${reference}:latest` : reference;
    // Abort a late pull: the engine keeps the layers that it has.
    const late = new AbortController();
    const pulled = (async () => {
      const authconfig = credentialsFor(reference, this.#registries);
      const options = { abortSignal: late.signal, ...(authconfig ? { authconfig } : {}) };
      const progress: NodeJS.ReadableStream = await this.#docker.pull(tagged, options);
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

/** The image cannot be pulled. The message is OpenWhisk's text. */
export class PullError extends ContainerStartError {
  constructor(reference: string, cause: unknown) {
    super(`Failed to pull container image '${reference}'.`, { imageFault: true, cause });
  }
}
