import { newTransactionId } from '../../../shared/entities/transaction.js';
import { nextTurn } from '../../../shared/entities/turns.js';
import { ObjectError, passesSoon } from '../../../shared/objects/ObjectError.js';
import { ObjectBytes } from '../memory/ObjectBytes.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { notFound } from '../memory/objectRules.js';
import type { Reservation } from '../memory/Reservation.js';
import type { StoredObject } from '../memory/StoredObject.js';
import type { Elsewhere } from '../server/Elsewhere.js';
import { afterWait, NOT_SEARCHED } from '../server/searches.js';
import { SpareBuffers } from './SpareBuffers.js';
import type { CalledObject, CallMessage, ReplyMessage } from './callMessages.js';

export interface CallServerParts {
  readonly memory: ObjectMemory;
  readonly elsewhere: Pick<Elsewhere, 'locate' | 'admit' | 'owns' | 'prepare' | 'settle'>;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** Sends a reply. @param moved the bytes that move with it. */
  readonly reply: (message: ReplyMessage, moved: readonly ArrayBuffer[]) => void;
  /** Called for errors that are not the caller's. */
  readonly onFault: (transactionId: string, error: unknown) => void;
  /** How long an object waits for `send`, in ms; missing: a minute, as for a slow reader over HTTP. */
  readonly holdMs?: number | undefined;
}

/** An object that was found, and waits for `send`. */
interface Held {
  readonly object: StoredObject;
  /** Ends the wait. */
  readonly release: () => void;
}

type Call<Kind extends CallMessage['kind']> = CallMessage & { readonly kind: Kind };

const HOLD_MS = 60_000;
/** The most bytes to copy before other requests get their turn. */
const TURN_BYTES = 4 * 1024 * 1024;
/** How often a call may meet a home that changes. */
const MAX_ROUNDS = 3;

/**
 * Executes the calls of the main thread: reads and writes of whole objects whose home is this invoker. They follow the
 * same rules as requests over HTTP, and save the way through two sockets: a body that is written moves between the
 * threads, and a body that is read is copied once.
 */
export class CallServer {
  readonly #parts: CallServerParts;
  /** Bounded by the main thread's memory for bodies, and by its open calls. */
  readonly #held = new Map<number, Held>();
  /** The reads that look for their object. `abandon` removes one. Bounded by the main thread's open calls. */
  readonly #reading = new Set<number>();
  readonly #spare = new SpareBuffers();

  constructor(parts: CallServerParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async take(message: CallMessage): Promise<void> {
    try {
      switch (message.kind) {
        case 'read':
          await this.#read(message);
          break;
        case 'send':
          await this.#send(message.id);
          break;
        case 'abandon':
          this.#reading.delete(message.id);
          this.#take(message.id);
          break;
        case 'done':
          this.#spare.give(message.buffer);
          break;
        case 'write':
          await this.#write(message);
          break;
      }
    } catch (error) {
      this.#refuse(message.id, error);
    }
  }

  /** To be called from time to time: lets memory go that is not used. */
  tidy(): void {
    this.#spare.tidy();
  }

  async #read(call: Call<'read'>): Promise<void> {
    const { memory, now, reply } = this.#parts;
    const { id, namespace, address, maxBytes } = call;
    this.#reading.add(id);
    const found = await this.#atHome(call, () => {
      const object = memory.read(namespace, address, now());
      if (!object) throw notFound();
      const { length } = object.bytes;
      if (length > maxBytes) {
        throw new ObjectError(413, `The object has ${length} bytes, and there is room for ${maxBytes}.`);
      }
      if (this.#reading.has(id)) this.#hold(call, object);
      return { length, contentType: object.contentType };
    }).finally(() => this.#reading.delete(id));
    reply(found ? { id, kind: 'found', ...found } : { id, kind: 'elsewhere', bytes: undefined }, []);
  }

  /** Keeps the object, with its memory counted, until it is sent. */
  #hold({ id, namespace, address }: Call<'read'>, object: StoredObject): void {
    const { memory, holdMs = HOLD_MS } = this.#parts;
    const end = memory.hold(namespace, address, object);
    const late = setTimeout(() => this.#take(id), holdMs);
    this.#held.set(id, {
      object,
      release: () => {
        clearTimeout(late);
        end?.();
      },
    });
  }

  /** Ends the wait of an object. */
  #take(id: number): void {
    this.#held.get(id)?.release();
    this.#held.delete(id);
  }

  async #send(id: number): Promise<void> {
    const held = this.#held.get(id);
    if (!held) throw new ObjectError(503, TOO_LATE, { retryAfterS: 1 });
    try {
      const { bytes } = held.object;
      const buffer = this.#spare.take(bytes.length);
      await copy(bytes, new Uint8Array(buffer));
      this.#parts.reply({ id, kind: 'sent', buffer }, [buffer]);
    } finally {
      this.#take(id);
    }
  }

  async #write(call: Call<'write'>): Promise<void> {
    const { memory, now, reply, elsewhere } = this.#parts;
    const { id, namespace, address, bytes, properties } = call;
    const { persistence } = properties;
    // The bytes are in this thread already: their memory is counted while they wait, too.
    let reservation: Reservation | undefined;
    let isWritten = false;
    const admit = (): void => elsewhere.admit?.(namespace, address, persistence);
    try {
      reservation = await this.#reserve(call);
      const settled = await this.#atHome(
        call,
        () => {
          admit();
          const before = memory.peek(namespace, address, now());
          reservation ??= memory.reserve(namespace, address, bytes.byteLength, now());
          const options = { ...properties, condition: undefined };
          const body = ObjectBytes.of(new Uint8Array(bytes));
          const { object } = memory.put(namespace, address, body, options, reservation, now());
          isWritten = true;
          return { wait: elsewhere.settle?.(namespace, address, object, before) };
        },
        admit,
      );
      if (!settled) {
        reply({ id, kind: 'elsewhere', bytes }, [bytes]);
        return;
      }
      await settled.wait;
    } catch (error) {
      if (isWritten || !passesSoon(error)) throw error;
      // The main thread may try again with its bytes.
      reply({ id, kind: 'elsewhere', bytes }, [bytes]);
      return;
    } finally {
      reservation?.release();
    }
    reply({ id, kind: 'written' }, []);
  }

  /**
   * Reserves memory for the bytes of a write. Undefined if another invoker is the home: it may have memory.
   * @throws ObjectError 413, 429, 503
   */
  async #reserve({ namespace, address, policy, bytes, properties }: Call<'write'>): Promise<Reservation | undefined> {
    const { memory, now, elsewhere } = this.#parts;
    const location = elsewhere.locate(namespace, address.color, policy);
    if (!(location instanceof Promise) && location.kind === 'elsewhere') return undefined;
    const announced = { persistence: properties.persistence, bytes: bytes.byteLength };
    try {
      memory.requireKeepable(namespace, address, announced, now());
      return memory.reserve(namespace, address, bytes.byteLength, now());
    } catch (error) {
      if ((await location).kind !== 'elsewhere') throw error;
      return undefined;
    }
  }

  /**
   * Runs an operation when this invoker is the home of the color and nothing is to be waited for: see
   * `Elsewhere.prepare`. Between the last look and the operation, no other operation runs.
   * @returns undefined if another invoker is the home.
   */
  async #atHome<T>(
    { namespace, address, policy }: CalledObject,
    operation: () => T,
    admit?: () => void,
  ): Promise<T | undefined> {
    const { elsewhere } = this.#parts;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const location = await elsewhere.locate(namespace, address.color, policy);
      if (location.kind === 'unknown') {
        throw new ObjectError(503, `The home of the color is not known: ${location.reason}`, { retryAfterS: 1 });
      }
      if (location.kind === 'elsewhere') return undefined;
      admit?.();
      for (let searches = NOT_SEARCHED; ;) {
        const wait = elsewhere.prepare?.(namespace, address, searches.mayRecover);
        if (!wait) break;
        searches = afterWait(searches, await wait);
      }
      if (elsewhere.owns?.(namespace, address.color) ?? true) return operation();
    }
    throw new ObjectError(503, 'The home of the color is changing: try again.', { retryAfterS: 1 });
  }

  #refuse(id: number, error: unknown): void {
    if (error instanceof ObjectError) {
      const { status, message, retryAfterS } = error;
      this.#parts.reply({ id, kind: 'refused', status, message, retryAfterS }, []);
      return;
    }
    this.#parts.onFault(newTransactionId().id, error);
    const message = 'There was an internal server error.';
    this.#parts.reply({ id, kind: 'refused', status: 500, message, retryAfterS: undefined }, []);
  }
}

const TOO_LATE = 'The invoker had no memory for the object in time: try again.';

/** Copies all bytes to the start of `target`. */
async function copy(bytes: ObjectBytes, target: Uint8Array): Promise<void> {
  let filled = 0;
  for (const piece of bytes.pieces()) {
    for (let at = 0; at < piece.length; at += TURN_BYTES) {
      if (filled > 0 && at > 0) await nextTurn();
      const part = piece.subarray(at, at + TURN_BYTES);
      target.set(part, filled);
      filled += part.length;
    }
  }
}
