import type { IncomingMessage } from 'node:http';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { ObjectBytes } from '../memory/ObjectBytes.js';
import type { Reservation } from '../memory/Reservation.js';

/** The caller ended the connection before the end of its body. */
export class AbortedError extends Error {
  override readonly name = 'AbortedError';
}

/**
 * The length of a request's body in bytes; undefined if its header does not tell it.
 * @throws ObjectError 400
 */
export function bodyLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  if (text === undefined) return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
  const length = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(length)) return length;
  throw new ObjectError(400, 'Content-Length must be a whole number.');
}

/**
 * Reads a body into reserved memory. Without a known length it reserves memory piece by piece.
 * @param length see `bodyLength`. The reservation contains it.
 * @throws AbortedError, or ObjectError as `Reservation.grow` does.
 */
export function readBody(
  request: IncomingMessage,
  length: number | undefined,
  reservation: Reservation,
  now: () => number,
): Promise<ObjectBytes> {
  const body = length === undefined ? new GrowingBody(reservation, now) : new KnownBody(length);
  return new Promise((resolve, reject) => {
    let done = false;
    const end = (settle: () => void): void => {
      if (done) return;
      done = true;
      settle();
    };
    request.on('data', (chunk: Buffer) => {
      if (done) return;
      try {
        body.add(chunk);
      } catch (error) {
        end(() => reject(error));
      }
    });
    request.once('end', () => end(() => resolve(body.bytes)));
    const abort = (): void => end(() => reject(new AbortedError('the request has ended before its body')));
    request.once('error', abort);
    request.once('close', abort);
  });
}

/** A body of a known length. Node.js reads no more than that. */
class KnownBody {
  readonly #buffer: Buffer;
  #filled = 0;

  constructor(length: number) {
    // Not a part of Node's pool, which would stay in memory with the object.
    this.#buffer = Buffer.allocUnsafeSlow(length);
  }

  add(chunk: Buffer): void {
    this.#filled += chunk.copy(this.#buffer, this.#filled);
  }

  get bytes(): ObjectBytes {
    return ObjectBytes.of(this.#buffer);
  }
}

class GrowingBody {
  readonly #reservation: Reservation;
  readonly #now: () => number;
  #bytes = ObjectBytes.EMPTY;

  constructor(reservation: Reservation, now: () => number) {
    this.#reservation = reservation;
    this.#now = now;
  }

  add(chunk: Buffer): void {
    this.#reservation.grow(this.#bytes.growth(chunk.length), this.#now());
    this.#bytes = this.#bytes.append(chunk);
  }

  get bytes(): ObjectBytes {
    return this.#bytes;
  }
}
