import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { isSkeleton, NATIVE_IMAGE } from '../../../shared/runtimes/image.js';
import { ContainerStartError, type ContainerImage } from '../ContainerDriver.js';
import type { EngineLimits } from './engineCall.js';
import { Images, PullError, pullPolicy } from './Images.js';
import type { LocalImages } from './LocalImages.js';
import { inRegistry, type Registries } from './registries.js';
import { statusOf } from './removal.js';

export interface ImageSupplyParts {
  readonly docker: Docker;
  readonly logger: Logger;
  readonly limits: EngineLimits;
  readonly registries: Registries;
  readonly localImagePrefix: string;
  readonly local: LocalImages;
}

/** The time in ms after which a pull of `dockerskeleton` that failed is tried again. */
const STAND_IN_MS = 300_000;

/** Brings images into the engine before they are used, as the policy of each says: see `PullPolicy`. */
export class ImageSupply {
  readonly #parts: ImageSupplyParts;
  readonly #images: Images;
  /** Until when `dockerskeleton` is not pulled again, in ms of `performance.now`. */
  #standInUntil = 0;

  constructor(parts: ImageSupplyParts) {
    this.#parts = parts;
    this.#images = new Images(parts.docker, parts.logger, parts.limits.pullMs, parts.registries);
  }

  /** The image as the engine knows it: with its registry. */
  named(image: ContainerImage): ContainerImage {
    return inRegistry(image, this.#parts.registries, this.#parts.localImagePrefix);
  }

  /**
   * Uses an image. If OpenWhisk's image of any executable cannot be pulled, ours stands in for it.
   * @param image as `named` returns it.
   * @param use rejects with the engine's error of status 404 if the engine lacks the image; then it may be called again.
   * @throws ContainerStartError if the image cannot be brought here; otherwise the error of `use`
   */
  async use<T>(image: ContainerImage, use: (image: ContainerImage) => Promise<T>): Promise<T> {
    const { reference } = image;
    if (!isSkeleton(reference) || reference === NATIVE_IMAGE) return this.#use(image, use);
    if (performance.now() >= this.#standInUntil) {
      try {
        return await this.#use(image, use);
      } catch (error) {
        if (!(error instanceof PullError)) throw error;
        this.#standInUntil = performance.now() + STAND_IN_MS;
        this.#parts.logger.warn(`the image ${reference} cannot be pulled; ${NATIVE_IMAGE} stands in for it`, {
          error: error.cause,
        });
      }
    }
    return this.#use({ ...image, reference: NATIVE_IMAGE }, use);
  }

  async #use<T>(image: ContainerImage, use: (image: ContainerImage) => Promise<T>): Promise<T> {
    const { reference } = image;
    const policy = pullPolicy(image, this.#parts.localImagePrefix);
    let failure: PullError | undefined;
    if (policy === 'never') await this.#parts.local.ready(reference);
    if (policy === 'required') await this.#pull(reference);
    if (policy === 'tried') failure = await this.#tryToPull(reference);
    try {
      return await use(image);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      if (policy === 'never') {
        throw new ContainerStartError(`The image ${reference} is not here; \`npm run runtimes\` builds it.`, {
          imageFault: true,
          cause: error,
        });
      }
      if (policy !== 'ifMissing') throw failure ?? new PullError(reference, error);
    }
    await this.#pull(reference);
    return use(image);
  }

  /** @throws PullError */
  async #pull(reference: string): Promise<void> {
    const failure = await this.#tryToPull(reference);
    if (failure) throw failure;
  }

  #tryToPull(reference: string): Promise<PullError | undefined> {
    return this.#images.pull(reference).then(
      () => undefined,
      (error: unknown) => new PullError(reference, error),
    );
  }
}
