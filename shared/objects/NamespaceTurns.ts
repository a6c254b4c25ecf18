import type { Readable } from 'node:stream';
import { ObjectError } from './ObjectError.js';

/*
 * Requests of a namespace to one process, each with a connection of its own:
 *
 *   waits     → under way  fewer than `most` are under way
 *             → ended      it was aborted, or has waited for too long
 *   under way → ended      its response has been read
 */

/** The most requests of a namespace to one process at a time, a quarter of the connections. */
const MOST = 64;
/** The most requests of a namespace that wait for their turn at one process, and the longest wait in ms. */
const MOST_WAITING = 1000;
const WAIT_MS = 10_000;

export interface NamespaceTurnsOptions {
  readonly most?: number | undefined;
  readonly mostWaiting?: number | undefined;
  /** In ms. */
  readonly waitMs?: number | undefined;
}

interface Line {
  underWay: number;
  /** The functions that start waiting requests, the oldest first. */
  readonly waiting: Set<() => void>;
}

/** Bounds the connections that the requests of one namespace take, so that those who read slowly leave some to others. */
export class NamespaceTurns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waitMs: number;
  readonly #lines = new Map<string, Line>();

  constructor({ most = MOST, mostWaiting = MOST_WAITING, waitMs = WAIT_MS }: NamespaceTurnsOptions = {}) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#waitMs = waitMs;
  }

  /**
   * Waits for a turn of a namespace at the process with this address.
   * @returns a function that ends the turn, to be called once.
   * @throws ObjectError 429; the reason of the signal.
   */
  async take(address: string, uuid: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const free = this.takeFree(address, uuid);
    if (free) return free;
    const place = placeOf(address, uuid);
    const line = this.#line(place);
    await this.#wait(line, signal);
    return () => this.#leave(place, line);
  }

  /** Like `take`, for a turn that is free now; undefined: none is. */
  takeFree(address: string, uuid: string): (() => void) | undefined {
    const place = placeOf(address, uuid);
    const line = this.#line(place);
    if (line.underWay >= this.#most) return undefined;
    line.underWay++;
    return () => this.#leave(place, line);
  }

  #line(place: string): Line {
    let line = this.#lines.get(place);
    if (!line) this.#lines.set(place, (line = { underWay: 0, waiting: new Set() }));
    return line;
  }

  async #wait(line: Line, signal: AbortSignal | undefined): Promise<void> {
    if (line.waiting.size >= this.#mostWaiting) {
      throw new ObjectError(429, `The namespace has ${line.waiting.size} requests that wait here, the most for one.`, {
        retryAfterS: 1,
      });
    }
    await new Promise<void>((resolve, reject) => {
      const over = (): void => {
        clearTimeout(late);
        signal?.removeEventListener('abort', abort);
        line.waiting.delete(start);
      };
      const start = (): void => {
        over();
        resolve();
      };
      const abort = (): void => {
        over();
        reject(signal?.reason instanceof Error ? signal.reason : new Error('the request was aborted'));
      };
      const late = setTimeout(() => {
        over();
        const text = `The namespace reads ${this.#most} other responses here, the most for one: none ended within ${this.#waitMs} ms.`;
        reject(new ObjectError(429, text, { retryAfterS: 1 }));
      }, this.#waitMs);
      signal?.addEventListener('abort', abort);
      line.waiting.add(start);
    });
  }

  /** The oldest waiting request gets the turn. */
  #leave(place: string, line: Line): void {
    const [next] = line.waiting;
    if (next) {
      next();
      return;
    }
    line.underWay--;
    if (line.underWay === 0) this.#lines.delete(place);
  }
}

const placeOf = (address: string, uuid: string): string => `${uuid}\n${address}`;

/** Ends a turn when the body of its response has ended, or at once if that was before. */
export function leaveAtEnd(body: Readable, leave: () => void): void {
  if (body.closed) leave();
  else body.once('close', leave);
}
