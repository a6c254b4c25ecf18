/** Code of over 1 MB that is in the store. Its bytes are read when they are needed: most uses of an action need none. */
export class LargeCode {
  /** How many bytes `read` gives. */
  readonly bytes: number;
  readonly #read: () => Promise<Uint8Array | undefined>;

  constructor(bytes: number, read: () => Promise<Uint8Array | undefined>) {
    this.bytes = bytes;
    this.#read = read;
  }

  /** Reads the text in UTF-8, or the binary. @returns undefined if the action was changed or deleted since. @throws StoreError */
  read(): Promise<Uint8Array | undefined> {
    return this.#read();
  }
}
