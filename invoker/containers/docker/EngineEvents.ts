import type Docker from 'dockerode';
import * as z from 'zod';
import type { Logger } from '../../../shared/logging/Logger.js';
import { retry, type RetryOptions } from '../../../shared/process/retry.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';
import { OWNER_LABEL } from './settings.js';

/*
 * The states of EngineEvents:
 *
 *   idle      -> opening     `watch` is called for the first container
 *   opening   -> listening   the engine answers with a stream
 *   opening   -> opening     the engine does not answer: retries after a pause, without a limit, since an outage may
 *                            take any time
 *   listening -> opening     the stream ended: after a pause
 *   any       -> closed      `close`
 */

/** The fields to read from an event. The engine sends `oom` before the `die` of the same container. */
const eventSchema = z.object({
  Action: z.enum(['oom', 'die']),
  Actor: z.object({ ID: z.string() }),
});

/** The delay before the next request for a stream, in ms. */
const RETRY_MS = 1000;

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
  readonly #sleep: RetryOptions['sleep'];
  readonly #endings = new Map<string, Ending>();
  readonly #closed = new AbortController();
  #isFollowing = false;
  #stream: EventStream | undefined;
  /** Whether the outage of the engine is logged. */
  #away = false;

  /** @param sleep for tests. */
  constructor(docker: Docker, owner: string, log: Logger, sleep?: RetryOptions['sleep']) {
    this.#docker = docker;
    this.#owner = owner;
    this.#log = log;
    this.#sleep = sleep;
  }

  /** Whether it receives events now. Otherwise the container's state must be queried. */
  get listening(): boolean {
    return this.#stream !== undefined;
  }

  /** Collects the events of a container until `forget`. */
  watch(id: string): Ending {
    if (!this.#isFollowing) {
      this.#isFollowing = true;
      void this.#follow();
    }
    const ending = new Ending();
    this.#endings.set(id, ending);
    return ending;
  }

  forget(id: string): void {
    this.#endings.delete(id);
  }

  close(): void {
    this.#closed.abort(new Error('the events are closed'));
    this.#stream?.destroy?.();
  }

  /** Listens until `close`. Never rejects. */
  async #follow(): Promise<void> {
    try {
      await retry(() => this.#listen(), {
        delayMs: () => RETRY_MS,
        onFailure: (error) => {
          if (error instanceof StreamEndedError || this.#away) return;
          this.#away = true;
          this.#log.warn('cannot receive events of the Docker Engine; retrying', { error });
        },
        signal: this.#closed.signal,
        ref: false,
        sleep: this.#sleep,
      });
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#log.error('stopped receiving events of the Docker Engine', { error });
    }
  }

  /** Reads one stream. @throws StreamEndedError at its end; the error of a stream that does not open. */
  async #listen(): Promise<never> {
    const filters = { type: ['container' as const], event: ['oom', 'die'], label: [`${OWNER_LABEL}=${this.#owner}`] };
    const asked: Promise<EventStream> = this.#docker.getEvents({ filters });
    const stream = await engineCall('the request for events', ENGINE_LIMITS.callMs, asked, (late) => late.destroy?.());
    if (this.#closed.signal.aborted) stream.destroy?.();
    this.#stream = stream;
    if (this.#away) this.#log.info('receives events of the Docker Engine again');
    this.#away = false;
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString()}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(line);
    });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('close', resolve));
    this.#stream = undefined;
    throw new StreamEndedError('the stream of events ended');
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

class StreamEndedError extends Error {
  override readonly name = 'StreamEndedError';
}
