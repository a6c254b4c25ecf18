/**
 * A small, ordered and durable table of texts, for accepted work that has not ended. Entries at the start are from an
 * earlier run.
 */
export interface KeptEntries {
  /**
   * Resolves once the entry outlives a failure of the power, or, with `written`, of this process: the disk has it some time
   * later. @throws StoreError if it cannot be stored.
   */
  put(key: string, value: string, until?: 'flushed' | 'written'): Promise<void>;
  /**
   * Removes the entry, at the latest with the next successful write. After a kill before that, it remains. `later`: it is removed
   * with the next write, or in 0.1 s, which costs less.
   */
  remove(key: string, when?: 'now' | 'later'): void;
  /** The keys of all entries, in order. */
  keys(): string[];
  /** The entries whose keys have the prefix, in the order of keys. */
  list(prefix?: string): { readonly key: string; readonly value: string }[];
}
