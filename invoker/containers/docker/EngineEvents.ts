import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { OWNER_LABEL } from './settings.js';

/** What is read of an event. The engine sends `oom` before the `die` of the same container. */
const eventSchema = z.object({
  Action: z.enum(['oom', 'die']),
  Actor: z.object({ ID: z.string() }),
});

/** How long after the stream broke it listens again, in ms. */
const RETRY_MS = 1000;

/** Runs a function later, once. */
export type Later = (run: () => void) => NodeJS.Timeout;

const later: Later = (run) => setTimeout(run, RETRY_MS).unref();

type EventStream = NodeJS.ReadableStream & { destroy?: () => void };

/** How a container ends, as far as the engine has told. */
export class Ending {
  /** The kernel ended a process of it for its memory. */
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
 * Listens to what the engine tells of one owner's containers. To ask for the state of a container that is just ending
 * takes the engine some 100 ms, since it is busy with the end; its events come at once.
 */
export class EngineEvents {
  readonly #docker: Docker;
  readonly #owner: string;
  readonly #log: Logger;
  readonly #later: Later;
  readonly #endings = new Map<string, Ending>();
  #stream: EventStream | undefined;
  #retry: NodeJS.Timeout | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(docker: Docker, owner: string, log: Logger, retryLater = later) {
    this.#docker = docker;
    this.#owner = owner;
    this.#log = log;
    this.#later = retryLater;
  }

  /** Whether it hears the engine now: else a container has to be asked for. */
  get listening(): boolean {
    return this.#stream !== undefined;
  }

  /** From now on what is told of the container is kept, until it is forgotten. */
  watch(id: string): Ending {
    if (this.#state === 'new') {
      this.#state = 'open';
      void this.#listen();
    }
    const ending = new Ending();
    this.#endings.set(id, ending);
    return ending;
  }

  forget(id: string): void {
    this.#endings.delete(id);
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    this.#stream?.destroy?.();
  }

  /** Never rejects. */
  async #listen(): Promise<void> {
    const filters = { type: ['container' as const], event: ['oom', 'die'], label: [`${OWNER_LABEL}=${this.#owner}`] };
    try {
      const asked: Promise<EventStream> = this.#docker.getEvents({ filters });
      const stream = await engineCall('the request for events', ENGINE_LIMITS.callMs, asked, (late) =>
        late.destroy?.(),
      );
      if (this.#state === 'closed') return stream.destroy?.();
      this.#stream = stream;
      let rest = '';
      stream.on('data', (chunk: Buffer) => {
        const lines = `${rest}${chunk.toString()}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#hear(line);
      });
      stream.on('error', () => undefined);
      stream.once('close', () => this.#ended());
    } catch (error) {
      this.#ended(error);
    }
  }

  #ended(error?: unknown): void {
    this.#stream = undefined;
    if (this.#state === 'closed') return;
    if (this.#log.debugEnabled) this.#log.debug("the engine's events are not heard for the moment", { error });
    this.#retry = this.#later(() => void this.#listen());
  }

  #hear(line: string): void {
    if (line === '') return;
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch {
      return;
    }
    const parsed = eventSchema.safeParse(event);
    if (parsed.success) this.#endings.get(parsed.data.Actor.ID)?.hear(parsed.data.Action);
  }
}
