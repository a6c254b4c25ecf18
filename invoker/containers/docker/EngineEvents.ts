import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import type { RetryOptions } from '../../../shared/process/retry.js';
import { EventStream } from './EventStream.js';
import { OWNER_LABEL } from './settings.js';

const attributesSchema = z.object({ exitCode: z.coerce.number().optional().catch(undefined) });

/**
 * The fields to read from an event. The engine learns of the two by different ways, so that `oom` may come before or after
 * the `die` of the same container. `die` has the exit code as a text.
 */
const eventSchema = z.object({
  Action: z.enum(['oom', 'die']),
  Actor: z.object({ ID: z.string(), Attributes: attributesSchema.optional() }),
});

/** The exit code of a container whose first process was killed (128 + SIGKILL), by the kernel or by a user. */
const KILLED = 137;

/** The end of a container, from the engine's events. */
export class Ending {
  /** Whether the kernel killed a process of it because of its memory. */
  outOfMemory = false;
  dead = false;
  /** Of the container that is dead; undefined: the engine did not tell it. */
  exitCode: number | undefined;
  readonly died: Promise<void>;
  /** Resolves when `outOfMemory` is set. */
  readonly exhausted: Promise<void>;
  #die: () => void = () => undefined;
  #exhaust: () => void = () => undefined;

  constructor() {
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    this.exhausted = new Promise((resolve) => {
      this.#exhaust = resolve;
    });
  }

  /** Whether its memory may be the reason of its death, although no `oom` has arrived. */
  get mayBeOutOfMemory(): boolean {
    return this.dead && (this.exitCode === undefined || this.exitCode === KILLED);
  }

  hear(action: 'oom' | 'die', exitCode?: number): void {
    if (action === 'oom') {
      this.outOfMemory = true;
      this.#exhaust();
    } else {
      this.exitCode = exitCode;
      this.dead = true;
      this.#die();
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
    if (!parsed.success) return;
    const { Action, Actor } = parsed.data;
    this.#endings.get(Actor.ID)?.hear(Action, Actor.Attributes?.exitCode);
  }
}
