/** Code of over 1 MB that is in the store. Its bytes are read when they are needed: most uses of an action need none. */
export class LargeCode {
  /** How many bytes `read` gives. */
  readonly bytes: number;
  readonly #read: (waitedMs: number) => Promise<Uint8Array | undefined>;

  constructor(bytes: number, read: (waitedMs: number) => Promise<Uint8Array | undefined>) {
    this.bytes = bytes;
    this.#read = read;
  }

  /**
   * Reads the text in UTF-8, or the binary.
   * @param waitedMs how long its reader has waited for the store before: it waits so much less for a store that does not answer.
   * @returns undefined if the action was changed or deleted since.
   * @throws StoreError; InvokerStopsError if it is of an invoker that stops.
   */
  read(waitedMs = 0): Promise<Uint8Array | undefined> {
    return this.#read(waitedMs);
  }
}
