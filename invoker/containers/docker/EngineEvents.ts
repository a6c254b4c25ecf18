import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { OWNER_LABEL } from './settings.js';

/** The fields to read from an event. The engine sends `oom` before the `die` of the same container. */
const eventSchema = z.object({
  Action: z.enum(['oom', 'die']),
  Actor: z.object({ ID: z.string() }),
});

/** The delay before it listens again after the stream broke, in ms. */
const RETRY_MS = 1000;

/** Schedules a function once. */
export type Later = (run: () => void) => NodeJS.Timeout;

const later: Later = (run) => setTimeout(run, RETRY_MS).unref();

type EventStream = NodeJS.ReadableStream & { destroy?: () => void };

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

  /** Whether it receives events now. Otherwise the container's state must be queried. */
  get listening(): boolean {
    return this.#stream !== undefined;
  }

  /** Collects the events of a container until `forget`. */
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
    if (this.#log.debugEnabled) this.#log.debug("cannot receive the engine's events now", { error });
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
