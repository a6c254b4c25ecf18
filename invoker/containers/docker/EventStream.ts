import type Docker from 'dockerode';
import type { Logger } from '../../../shared/logging/Logger.js';
import { retry, type RetryOptions } from '../../../shared/process/retry.js';
import { engineCall, ENGINE_LIMITS } from './engineCall.js';

/*
 * The states of EventStream:
 *
 *   idle      -> opening     `open`
 *   opening   -> listening   the engine answers with a stream
 *   opening   -> opening     the engine does not answer: retries after a pause, without a limit, since an outage may
 *                            take any time
 *   listening -> opening     the stream ended: after a pause
 *   any       -> closed      `close`
 */

/** The delay before the next request for a stream, in ms. */
const RETRY_MS = 1000;

/** The longest event, in characters. A longer text is not an event. */
const MAX_EVENT = 1024 * 1024;

type Stream = NodeJS.ReadableStream & { destroy?: () => void };

export interface EventStreamParts {
  readonly docker: Docker;
  readonly log: Logger;
  /** Which events the engine sends, as its API takes them. */
  readonly filters: Docker.GetEventsOptions['filters'];
  /** Gets each event, a JSON value of the engine. */
  readonly onEvent: (event: unknown) => void;
  /** Called when events are received from now on, and when they are not received any more. */
  readonly onChange?: ((listening: boolean) => void) | undefined;
  /** For tests. */
  readonly sleep?: RetryOptions['sleep'];
}

/** Receives events of the engine, and asks again for them when the connection breaks. */
export class EventStream {
  readonly #parts: EventStreamParts;
  readonly #closed = new AbortController();
  #isOpen = false;
  #stream: Stream | undefined;
  /** Whether the outage of the engine is logged. */
  #away = false;

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
  }

  /** Whether it receives events now. */
  get listening(): boolean {
    return this.#stream !== undefined;
  }

  /** Begins to listen, once. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    void this.#follow();
  }

  close(): void {
    this.#closed.abort(new Error('the events are closed'));
    this.#stream?.destroy?.();
  }

  /** Listens until `close`. Never rejects. */
  async #follow(): Promise<void> {
    const { log, sleep } = this.#parts;
    try {
      await retry(() => this.#listen(), {
        delayMs: () => RETRY_MS,
        onFailure: (error) => {
          if (error instanceof StreamEndedError || this.#away) return;
          this.#away = true;
          log.warn('cannot receive events of the Docker Engine; retrying', { error });
        },
        signal: this.#closed.signal,
        ref: false,
        sleep,
      });
    } catch (error) {
      if (!this.#closed.signal.aborted) log.error('stopped receiving events of the Docker Engine', { error });
    }
  }

  /** Reads one stream. @throws StreamEndedError at its end; the error of a stream that does not open. */
  async #listen(): Promise<never> {
    const { docker, filters, log, onChange } = this.#parts;
    const asked: Promise<Stream> = docker.getEvents({ filters });
    const stream = await engineCall('the request for events', ENGINE_LIMITS.callMs, asked, (late) => late.destroy?.());
    if (this.#closed.signal.aborted) stream.destroy?.();
    this.#stream = stream;
    onChange?.(true);
    if (this.#away) log.info('receives events of the Docker Engine again');
    this.#away = false;
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString()}`.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_EVENT) rest = '';
      for (const line of lines) this.#hear(line);
    });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('close', resolve));
    this.#stream = undefined;
    onChange?.(false);
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
    this.#parts.onEvent(event);
  }
}

class StreamEndedError extends Error {
  override readonly name = 'StreamEndedError';
}
