import { ObjectError } from './ObjectError.js';

/** The most requests that wait at other processes for one namespace, and for all. Each has a connection of its own. */
const MAX_OF_NAMESPACE = 1000;
export const MAX_OPEN_WAITS = 4000;

/** Counts the requests of a process that wait for objects at other processes. */
export class OpenWaits {
  readonly #ofNamespace: number;
  readonly #total: number;
  readonly #byNamespace = new Map<string, number>();
  #size = 0;

  constructor(ofNamespace = MAX_OF_NAMESPACE, total = MAX_OPEN_WAITS) {
    this.#ofNamespace = ofNamespace;
    this.#total = total;
  }

  /**
   * Counts a request of a namespace.
   * @returns a function to call once, at the end of the request.
   * @throws ObjectError 429, 503
   */
  begin(uuid: string): () => void {
    const own = this.#byNamespace.get(uuid) ?? 0;
    if (own >= this.#ofNamespace) {
      throw new ObjectError(429, `The namespace has ${own} requests here that wait for objects, the most for one.`, {
        retryAfterS: 1,
      });
    }
    if (this.#size >= this.#total) {
      throw new ObjectError(503, 'Too many requests wait for objects here.', { retryAfterS: 1 });
    }
    this.#size++;
    this.#byNamespace.set(uuid, own + 1);
    return () => {
      this.#size--;
      const left = (this.#byNamespace.get(uuid) ?? 1) - 1;
      if (left > 0) this.#byNamespace.set(uuid, left);
      else this.#byNamespace.delete(uuid);
    };
  }
}

/** Whether a request for an object waits for a change. @param url with the query. */
export const isWait = (url: string): boolean => /^[^?]*\?(?:.*&)?wait=/.test(url);
