import type { SecureContextOptions } from 'node:tls';
import type { CallMessage, ReplyMessage } from './calls/callMessages.js';
import type { AnswerMessage, QuestionMessage } from './questions/questions.js';
import type { SharingCounts } from './sharing/sharingParts.js';
import type { MemoryCounts, NamespaceUse } from './memory/memoryCounts.js';

/** What a worker gets at its start (`workerData`). */
export interface WorkerConfig {
  /** The invoker's name, such as `invoker0`. Tokens contain it. */
  readonly invoker: string;
  /** The secret of tokens. */
  readonly tokenSecret: Uint8Array;
  /** The start of the tags of this run. */
  readonly epoch: string;
  /** The bound of the configuration, and the present one. */
  readonly configuredBytes: number;
  readonly boundBytes: number;
  /** Where to listen: for the main thread, which passes on the first connections, and for containers. */
  readonly doorPath: string;
  readonly socketPath: string;
  /** The number of the invoker. */
  readonly instance: number;
  /** The cluster secret; undefined: the invoker has no peers. */
  readonly secret: string | undefined;
  /** The certificate with which it serves peers, and how it reaches them; undefined: over http. */
  readonly tls: SecureContextOptions | undefined;
  readonly peerTls: SecureContextOptions | undefined;
  /** Whether there is a store for objects. */
  readonly stores: boolean;
}

/** From the main thread to the worker. */
export type ToWorker =
  | { readonly kind: 'bound'; readonly bytes: number }
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  | { readonly kind: 'answer'; readonly message: AnswerMessage }
  | { readonly kind: 'call'; readonly message: CallMessage }
  /** Hand all objects over to other invokers, within this time. */
  | { readonly kind: 'drain'; readonly limitMs: number }
  | { readonly kind: 'stop'; readonly graceMs: number };

/** A snapshot of a worker's counters and gauges. */
export interface ObjectCounts extends MemoryCounts {
  readonly sharing: SharingCounts;
  readonly waitsMet: number;
  readonly waitsLate: number;
  /** The evictions since the last snapshot, by namespace. */
  readonly evicted: readonly { readonly name: string; readonly evictions: number }[];
  /** The namespaces with the most memory. */
  readonly largest: readonly NamespaceUse[];
}

/** From the worker to the main thread. */
export type FromWorker =
  /** It listens at both paths. */
  | { readonly kind: 'ready' }
  /** It listens at the TCP address. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'counts'; readonly counts: ObjectCounts }
  /** The memory of objects that are never evicted has grown much since it was told. */
  | { readonly kind: 'kept'; readonly bytes: number }
  | { readonly kind: 'log'; readonly level: 'warn' | 'error'; readonly text: string; readonly error: string }
  | { readonly kind: 'question'; readonly message: QuestionMessage }
  | { readonly kind: 'reply'; readonly message: ReplyMessage }
  /** The end of a drain: the numbers of colors that other invokers have, and of those that they do not have. */
  | { readonly kind: 'drained'; readonly moved: number; readonly left: number }
  | { readonly kind: 'stopped' };
