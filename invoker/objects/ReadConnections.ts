import {
  BrokenConnectionError,
  Connection,
  type Admit,
  type RawResponse,
} from '../../shared/objects/client/Connection.js';
import { ObjectError } from '../../shared/objects/ObjectError.js';

/*
 * A read has a connection in all states but the first and the last:
 *
 *   queued   all slots are in use       → slot: another read leaves its slot
 *                                       → ended: no slot within the limit
 *   slot     the server's time          → aside: its body waits for memory
 *                                       → ended: the response, or an error
 *   aside    waits for memory, and then
 *            gets its body              → ended: the response, or an error
 *
 * A read aside has no slot: memory comes when other work ends, and that work may need a slot for a read of its own. It
 * needs none for its body, since memory bounds the bodies.
 */
type State = 'slot' | 'aside' | 'ended';

/** A read that has left the queue. */
interface Read {
  state: State;
}

/** The most reads with a slot. Further ones wait. */
const MAX_SLOTS = 8;
/** The most reads aside. Each keeps a connection with its buffers, so that the server waits, too. */
const MAX_ASIDE = 256;

/** Sends reads to the object server over connections that stay open. They need half the time of a general client. */
export class ReadConnections {
  readonly #socketPath: string;
  readonly #limitMs: number;
  readonly #maxAside: number;
  readonly #idle: Connection[] = [];
  /** The functions that give a slot to a waiting read, the oldest first. The pool bounds their number: an activation has one of them at a time. */
  readonly #queue = new Set<() => void>();
  #slots = 0;
  #aside = 0;

  /**
   * @param limitMs for a slot, then for the response's head, and for its body once it is admitted.
   * @param maxAside the most reads that wait for memory, and get their bodies after it. Further ones are refused.
   */
  constructor(socketPath: string, limitMs: number, maxAside = MAX_ASIDE) {
    this.#socketPath = socketPath;
    this.#limitMs = limitMs;
    this.#maxAside = maxAside;
  }

  /**
   * Resolves to the response of any status.
   * @param head the request line and the headers, with the empty line.
   * @param admit see `Connection.send`.
   * @throws BrokenConnectionError; ObjectError 503 if too many reads wait, or after the limit; or what `admit` rejects with
   */
  async read(head: string, admit: Admit): Promise<RawResponse> {
    await this.#slot();
    const read: Read = { state: 'slot' };
    try {
      const idle = this.#takeIdle();
      let admitted = false;
      const noted: Admit = (bytes) => {
        admitted = true;
        return this.#memory(read, admit(bytes));
      };
      try {
        return await this.#readOver(idle ?? this.#open(), head, noted);
      } catch (error) {
        // The server may have closed the connection while it was idle.
        if (idle === undefined || admitted || !(error instanceof BrokenConnectionError)) throw error;
        return await this.#readOver(this.#open(), head, noted);
      }
    } finally {
      if (read.state === 'aside') this.#aside--;
      else this.#leaveSlot();
      read.state = 'ended';
    }
  }

  /** Closes the idle connections. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** Takes a slot, or waits for one. @throws ObjectError 503 after the limit */
  #slot(): Promise<void> {
    if (this.#slots < MAX_SLOTS) {
      this.#slots++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        clearTimeout(late);
        resolve();
      };
      const late = setTimeout(() => {
        this.#queue.delete(proceed);
        const text = `Other reads of objects kept this one waiting on its invoker for ${this.#limitMs} ms: try again.`;
        reject(new ObjectError(503, text, { retryAfterS: 1 }));
      }, this.#limitMs);
      this.#queue.add(proceed);
    });
  }

  /** Gives a slot to the oldest read of the queue, if there is one. */
  #leaveSlot(): void {
    const [next] = this.#queue;
    if (next) {
      this.#queue.delete(next);
      next();
    } else this.#slots--;
  }

  /** Waits for memory: aside, unless it comes at once. @throws ObjectError 503 if too many reads are aside */
  async #memory(read: Read, admission: Promise<void>): Promise<void> {
    let leaving: NodeJS.Immediate | undefined;
    const refusal = new Promise<never>((_, reject) => {
      leaving = setImmediate(() => {
        if (read.state !== 'slot') return;
        if (this.#aside >= this.#maxAside) {
          const text = `${this.#aside} other reads of objects wait for memory on this invoker: try again.`;
          reject(new ObjectError(503, text, { retryAfterS: 1 }));
          return;
        }
        read.state = 'aside';
        this.#aside++;
        this.#leaveSlot();
      });
    });
    try {
      await Promise.race([admission, refusal]);
    } finally {
      clearImmediate(leaving);
    }
  }

  async #readOver(connection: Connection, head: string, admit: Admit): Promise<RawResponse> {
    // It is not a broken connection: another request would wait as long again.
    const giveUp = (): void =>
      connection.abort(
        new ObjectError(503, `The object memory of this invoker did not send the object within ${this.#limitMs} ms.`, {
          retryAfterS: 1,
        }),
      );
    const timer = (): NodeJS.Timeout => setTimeout(giveUp, this.#limitMs);
    let late = timer();
    try {
      const response = await connection.send(head, undefined, false, async (bytes) => {
        // Memory comes when other work ends, which is not the server's time.
        clearTimeout(late);
        await admit(bytes);
        if (connection.open) late = timer();
      });
      if (this.#idle.length >= MAX_SLOTS) connection.close();
      else if (connection.open) this.#idle.push(connection);
      return response;
    } finally {
      clearTimeout(late);
    }
  }

  #open(): Connection {
    return new Connection({ path: this.#socketPath });
  }

  #takeIdle(): Connection | undefined {
    let connection = this.#idle.pop();
    while (connection && !connection.open) connection = this.#idle.pop();
    return connection;
  }
}
