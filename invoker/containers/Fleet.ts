import type { Logger } from '../../shared/logging/Logger.js';
import type { Container } from './ContainerDriver.js';

/** The containers of one driver: those that are starting, and those that run. */
export class Fleet<C extends Pick<Container, 'destroy'>> {
  readonly #logger: Logger;
  readonly #onRest: () => void;
  readonly #starting = new Set<Promise<void>>();
  readonly #running = new Set<C>();

  /** @param onRest called whenever the last of the starts under way has ended. */
  constructor(logger: Logger, onRest: () => void = () => undefined) {
    this.#logger = logger;
    this.#onRest = onRest;
  }

  /** Whether containers are starting. */
  get busy(): boolean {
    return this.#starting.size > 0;
  }

  /** Follows a start to its end, with what is done after it. Its error is the caller's. */
  follow(start: Promise<unknown>): void {
    const end = (): void => {
      this.#starting.delete(settled);
      if (this.#starting.size === 0) this.#onRest();
    };
    const settled: Promise<void> = start.then(end, end);
    this.#starting.add(settled);
  }

  add(container: C): void {
    this.#running.add(container);
  }

  /** To be called when the container is removed. */
  delete(container: C): void {
    this.#running.delete(container);
  }

  /** Waits for the starts, then destroys all containers. Logs what fails. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#starting);
    const removals = [...this.#running].map((container) => container.destroy());
    for (const removal of await Promise.allSettled(removals)) {
      if (removal.status === 'rejected') this.#logger.warn('cannot remove a container', { error: removal.reason });
    }
  }
}
