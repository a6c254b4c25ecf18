import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { CalledObject, CallMessage, ReplyMessage, WrittenProperties } from './callMessages.js';
import { MIN_SPARE_BYTES } from './SpareBuffers.js';

/*
 * The states of a read:
 *
 *   asked     `read` is sent                → found: the object is here
 *                                           → ended: the object is elsewhere, the call is refused, or no reply comes in time
 *   found     waits for memory: `admit`     → sending: there is memory; `send` is sent
 *                                           → ended: there is none; `abandon` is sent
 *   sending   the other thread copies it    → ended: the bytes, a refusal, or no reply in time
 *
 * After the end, `release` gives the buffer of the bytes back.
 */

/** The limit for a reply, in ms. The wait for memory in between is not the other thread's time. */
const REPLY_MS = 30_000;
/** The most open calls. The pool bounds them before: an activation has one of them at a time. */
const MAX_OPEN = 10_000;

export interface CallClientParts {
  /** Sends a message to the thread of the objects. @param moved the bytes that move with it. */
  readonly send: (message: CallMessage, moved: readonly ArrayBuffer[]) => void;
  /** Missing: 30 s. */
  readonly replyMs?: number | undefined;
}

/** The bytes that a read found here. */
export interface CalledBytes {
  readonly bytes: Buffer;
  readonly contentType: string;
  /**
   * To be called when nobody reads the bytes any more, the system included: their memory gets the bytes of another object then.
   * Without it they are garbage some time.
   */
  readonly release: () => void;
}

/** Calls the thread of the objects from the main thread. See `CallServer`. */
export class CallClient {
  readonly #parts: CallClientParts;
  readonly #open = new Map<number, (outcome: ReplyMessage | ObjectError) => void>();
  #last = 0;
  #ended = false;

  constructor(parts: CallClientParts) {
    this.#parts = parts;
  }

  /**
   * Reads an object.
   * @param admit is waited for before memory is taken for the bytes. If it rejects, so does the read.
   * @returns undefined if another invoker is the color's home.
   * @throws ObjectError
   */
  async read(
    object: CalledObject,
    maxBytes: number,
    admit: (bytes: number) => Promise<void>,
  ): Promise<CalledBytes | undefined> {
    const id = ++this.#last;
    const found = await this.#ask({ id, kind: 'read', maxBytes, ...object }, []);
    if (found.kind === 'elsewhere') return undefined;
    if (found.kind !== 'found') throw refusalOf(found);
    try {
      await admit(found.length);
    } catch (error) {
      this.#parts.send({ id, kind: 'abandon' }, []);
      throw error;
    }
    const sent = await this.#ask({ id, kind: 'send' }, []);
    if (sent.kind !== 'sent') throw refusalOf(sent);
    const { buffer } = sent;
    const bytes = Buffer.from(buffer, 0, found.length);
    const release = (): void => {
      // Empty: it has moved after the first call.
      if (buffer.byteLength >= MIN_SPARE_BYTES) this.#parts.send({ id, kind: 'done', buffer }, [buffer]);
    };
    return { bytes, contentType: found.contentType, release };
  }

  /**
   * Writes an object.
   * @param bytes move to the other thread, and are empty after the call.
   * @returns undefined, or the bytes if another invoker is the color's home, or is not known or has no memory at the moment.
   * @throws ObjectError
   */
  async write(object: CalledObject, bytes: Uint8Array, properties: WrittenProperties): Promise<Buffer | undefined> {
    const moved = wholeOf(bytes);
    const reply = await this.#ask({ id: ++this.#last, kind: 'write', bytes: moved, properties, ...object }, [moved]);
    if (reply.kind === 'written') return undefined;
    if (reply.kind === 'elsewhere' && reply.bytes) return Buffer.from(reply.bytes);
    throw refusalOf(reply);
  }

  /** Takes a reply. One that comes too late has no effect. */
  replied(reply: ReplyMessage): void {
    this.#open.get(reply.id)?.(reply);
  }

  /** Ends all open calls, and refuses further ones: the other thread has ended. */
  end(): void {
    this.#ended = true;
    for (const settle of this.#open.values()) settle(silent());
  }

  #ask(message: CallMessage, moved: readonly ArrayBuffer[]): Promise<ReplyMessage> {
    const { send, replyMs = REPLY_MS } = this.#parts;
    const { id } = message;
    // A read that waited for memory may come here after the end.
    if (this.#ended) return Promise.reject(silent());
    if (this.#open.size >= MAX_OPEN) {
      return Promise.reject(
        new ObjectError(503, 'This invoker reads and writes too many objects.', { retryAfterS: 1 }),
      );
    }
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#open.get(id)?.(silent());
        // The object need not wait for its reader any more.
        if (message.kind !== 'write') send({ id, kind: 'abandon' }, []);
      }, replyMs);
      this.#open.set(id, (outcome) => {
        clearTimeout(late);
        this.#open.delete(id);
        if (outcome instanceof ObjectError) reject(outcome);
        else resolve(outcome);
      });
      send(message, moved);
    });
  }
}

const silent = (): ObjectError =>
  new ObjectError(503, 'The object memory of this invoker does not answer.', { retryAfterS: 1 });

function refusalOf(reply: ReplyMessage): ObjectError {
  if (reply.kind !== 'refused') return new ObjectError(500, 'The object memory gave a wrong reply.');
  const { status, message, retryAfterS } = reply;
  return new ObjectError(status, message, retryAfterS === undefined ? {} : { retryAfterS });
}

/** The buffer of bytes that fill one, which can move to another thread; else a copy. */
function wholeOf(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return buffer;
  const copy = new ArrayBuffer(byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
