/** What `counts` tells. Counters grow for as long as the memory lives. */
export interface MemoryCounts {
  readonly boundBytes: number;
  readonly usedBytes: number;
  /** The part of it that is never evicted: replicated objects, and the copies of such objects. */
  readonly keptBytes: number;
  readonly objects: number;
  readonly namespaces: number;
  readonly waits: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** The number of writes that found no memory. */
  readonly refusals: number;
}

/** The use of one namespace. */
export interface NamespaceUse {
  readonly name: string;
  readonly bytes: number;
  readonly objects: number;
  readonly evictions: number;
}
