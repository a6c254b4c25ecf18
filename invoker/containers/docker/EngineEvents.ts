import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import type { RetryOptions } from '../../../shared/process/retry.js';
import { EventStream } from './EventStream.js';
import { OWNER_LABEL } from './settings.js';

/** The fields to read from an event. The engine sends `oom` before the `die` of the same container. */
const eventSchema = z.object({
  Action: z.enum(['oom', 'die']),
  Actor: z.object({ ID: z.string() }),
});

/** The end of a container, from the engine's events. */
export class Ending {
  /** Whether the kernel killed a process of it because of its memory. */
  outOfMemory = false;
  dead = false;
  readonly died: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.died = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  hear(action: 'oom' | 'die'): void {
    if (action === 'oom') this.outOfMemory = true;
    else {
      this.dead = true;
      this.#resolve();
    }
  }
}

/**
 * Consumes the engine's events about one owner's containers. A query for the state of an ending container takes about
 * 100 ms, since the engine is busy with the end; its events arrive at once.
 */
export class EngineEvents {
  readonly #stream: EventStream;
  readonly #endings = new Map<string, Ending>();

  /** @param sleep for tests. */
  constructor(docker: Docker, owner: string, log: Logger, sleep?: RetryOptions['sleep']) {
    const filters = { type: ['container' as const], event: ['oom', 'die'], label: [`${OWNER_LABEL}=${owner}`] };
    this.#stream = new EventStream({ docker, log, filters, sleep, onEvent: (event) => this.#hear(event) });
  }

  /** Whether it receives events now. Otherwise the container's state must be queried. */
  get listening(): boolean {
    return this.#stream.listening;
  }

  /** Collects the events of a container until `forget`. */
  watch(id: string): Ending {
    this.#stream.open();
    const ending = new Ending();
    this.#endings.set(id, ending);
    return ending;
  }

  forget(id: string): void {
    this.#endings.delete(id);
  }

  close(): void {
    this.#stream.close();
  }

  #hear(event: unknown): void {
    const parsed = eventSchema.safeParse(event);
    if (parsed.success) this.#endings.get(parsed.data.Actor.ID)?.hear(parsed.data.Action);
  }
}
