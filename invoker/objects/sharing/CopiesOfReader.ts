import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { PERSISTENCE_HEADER, PERSISTENCES } from '../../../shared/objects/ObjectRequest.js';
import { ObjectBytes } from '../memory/ObjectBytes.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import type { ReadCopies } from '../memory/ReadCopies.js';
import { sendObject } from '../server/respond.js';

/** A copy whose bytes pass by. */
export interface ArrivingCopy {
  /** The place of its bytes. */
  readonly bytes: Buffer;
  /** Keeps them: exactly one of both is to be called. */
  readonly keep: () => void;
  readonly release: () => void;
}

/** The read-only copies of an invoker whose containers read objects of other homes. */
export class CopiesOfReader {
  readonly #memory: ObjectMemory;
  readonly #copies: ReadCopies;
  /** The reads that found their copy to be current. */
  validated = 0;

  constructor(memory: ObjectMemory, copies: ReadCopies) {
    this.#memory = memory;
    this.#copies = copies;
  }

  get(place: string): StoredObject | undefined {
    return this.#copies.get(place);
  }

  /** Sends a copy that its home has confirmed. */
  send(place: string, copy: StoredObject, response: ServerResponse): void {
    this.validated++;
    sendObject(response, copy, false, () => this.#copies.hold(place, copy));
  }

  drop(place: string): void {
    this.#copies.drop(place);
  }

  /** Room for the object of a response; undefined if it is not worth it, or there is none. */
  reserve(place: string, headers: IncomingHttpHeaders): ArrivingCopy | undefined {
    const { etag, 'content-type': contentType, 'content-length': length } = headers;
    if (etag === undefined || contentType === undefined || length === undefined) return undefined;
    const { boundBytes, usedBytes } = this.#memory;
    const room = this.#copies.reserve(place, Number(length), boundBytes, boundBytes - usedBytes);
    if (!room) return undefined;
    const bytes = Buffer.allocUnsafeSlow(Number(length));
    return {
      bytes,
      keep: () => {
        const persistence = PERSISTENCES.find((name) => name === headers[PERSISTENCE_HEADER]) ?? 'memory';
        room.keep({ bytes: ObjectBytes.of(bytes), contentType, etag, persistence, expiresAt: undefined });
      },
      release: room.release,
    };
  }
}
