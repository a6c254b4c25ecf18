/**
 * A small ordered table of texts that outlives the process: work that was accepted and has not ended. What is in it at the
 * start, an earlier run left.
 */
export interface KeptEntries {
  /** Resolves once the entry is durable. @throws StoreError where it cannot be. */
  put(key: string, value: string): Promise<void>;
  /** Removes the entry, at the latest with the next successful write. A kill before that leaves it. */
  remove(key: string): void;
  /** The keys of all entries, in their order. */
  keys(): string[];
  /** The entries whose keys begin with `prefix`, in the order of their keys. */
  list(prefix?: string): { readonly key: string; readonly value: string }[];
}
