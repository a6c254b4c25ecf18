import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { codeOf } from '../../shared/errors/reasons.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { ObjectTokens, type ObjectNamespace } from '../../shared/objects/ObjectToken.js';
import { within } from '../../shared/process/within.js';
import { advertisedUrl } from '../../shared/config/objectSharingSettings.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import { answerQuestion, type Answers } from './questions/questions.js';
import { ArtifactObjects } from './store/ArtifactObjects.js';
import { CallClient } from './calls/CallClient.js';
import { ObjectAccess } from './ObjectAccess.js';
import { FrontDoor, type TcpAddress } from './FrontDoor.js';
import type { FromWorker, ObjectCounts, ToWorker, WorkerConfig } from './messages.js';
import { keptUserMB, objectsBound } from './objectsBound.js';
import { makeSocketFolder } from './socketFolder.js';

/*
 * The states of an invoker's objects:
 *
 *   from      to        when
 *   closed    dormant   `start`: this thread listens
 *   dormant   starting  a first connection: the worker is started
 *   starting  running   the worker listens: it gets the waiting connections, and all later ones directly
 *             resting   the worker ended, or does not listen in time
 *   running   resting   the worker ended by a fault: its objects are gone
 *   resting   dormant   the pause is over: it grows with each fault in a row
 *   (any)     closed    `stop`
 */
type State =
  | { readonly kind: 'closed' }
  | { readonly kind: 'dormant'; readonly door: FrontDoor }
  | { readonly kind: 'starting'; readonly door: FrontDoor; readonly worker: Worker; readonly late: NodeJS.Timeout }
  | { readonly kind: 'running'; readonly worker: Worker; readonly since: number; readonly calls: CallClient }
  | { readonly kind: 'resting'; readonly timer: NodeJS.Timeout };

/** The longest time until a worker listens, in ms: longer than callers wait, since another one would not start faster. */
const START_MS = 60_000;
/** The pause after a fault of the worker, in ms. It doubles with each fault in a row. */
const REST_MS = 100;
const MAX_REST_MS = 60_000;
/** A worker that ran so long has worked: the next pause is short again. */
const PROVEN_MS = 60_000;

/** The name of the socket in the folder. */
const SOCKET = 's';

export interface ObjectServiceOptions {
  /** The invoker's name, such as `invoker0`. */
  readonly invoker: string;
  /** The configured bound of all objects, in bytes; above 0. */
  readonly boundBytes: number;
  /** The number of the invoker. */
  readonly instance: number;
  /** How it shares objects with other invokers; undefined: not at all. */
  readonly sharing?: ServiceSharing | undefined;
  /** The store of objects with the persistence `stored`; undefined: there is none. */
  readonly store?: ArtifactStore | undefined;
  /** The folder of the socket. It is made, and removed at the stop. Its path must be short. */
  readonly folder: string;
  /** The address for containers that do not see the folder, and port 0; undefined: none. */
  readonly tcpHost: string | undefined;
  /** Whether `start` fails if this machine does not have the address. Otherwise there is no TCP then. */
  readonly tcpRequired?: boolean | undefined;
  readonly log: Logger;
  /** Called with each new snapshot of the worker. */
  readonly onCounts?: ((counts: ObjectCounts) => void) | undefined;
  /** In ms. Missing: the clock. */
  readonly now?: (() => number) | undefined;
  /** The file of the worker thread. Missing: `worker.js`. */
  readonly workerFile?: URL | undefined;
  /** The longest time until the worker listens, in ms. Missing: `START_MS`. */
  readonly startMs?: number | undefined;
}

/** How an invoker shares objects. */
export interface ServiceSharing {
  readonly secret: string;
  /** The certificate for other invokers and controllers, and how it reaches the former; undefined: http. */
  readonly tls?: SecureContextOptions | undefined;
  readonly peerTls?: SecureContextOptions | undefined;
  /** The address at which to listen for other invokers and controllers. */
  readonly host: string;
  /** The URL at which they reach it; undefined: the address with the port. */
  readonly url: string | undefined;
  /** The homes of a color. Rejects with the reason in words. */
  readonly homes: (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;
  /** All invokers that share objects. Rejects with the reason in words. */
  readonly invokers: () => Promise<InvokersReply>;
  /** Called with the address of a controller in an activation message. */
  readonly onController?: ((url: string) => void) | undefined;
  /** How long other invokers may take over its objects when it leaves, in ms; 0: it does not wait for that. */
  readonly drainMs: number;
}

/** The objects of one invoker, in a worker thread that starts with the first connection. */
export class ObjectService {
  readonly #options: ObjectServiceOptions;
  readonly #now: () => number;
  readonly #tokenSecret = randomBytes(32);
  readonly #tokens: ObjectTokens;
  #state: State = { kind: 'closed' };
  #tcp: TcpAddress | undefined;
  #folder: string;
  #bound: number;
  #faults = 0;
  #counts: ObjectCounts | undefined;
  #pressed = false;
  #keptMB = 0;
  #onKept: ((memoryMB: number) => void) | undefined;
  #access: ObjectAccess | undefined;
  readonly #answers: Answers;
  #drained: ((outcome: DrainOutcome) => void) | undefined;

  constructor(options: ObjectServiceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#tokens = new ObjectTokens(this.#tokenSecret, options.invoker);
    const host = options.sharing?.host ?? options.tcpHost;
    this.#tcp = host === undefined ? undefined : { host, port: portOf(options.sharing?.url) };
    this.#answers = answersOf(options);
    this.#folder = options.folder;
    this.#bound = options.boundBytes;
  }

  /** Listens. @throws the error of the folder or of `listen`. */
  async start(): Promise<void> {
    if (this.#state.kind !== 'closed') return;
    this.#folder = makeSocketFolder(this.#options.folder);
    try {
      await this.#sleep();
    } catch (error) {
      if (this.#options.tcpRequired === true || codeOf(error) !== 'EADDRNOTAVAIL') throw error;
      this.#tcp = undefined;
      await this.#sleep();
    }
  }

  /** The folder with the socket, for containers. */
  get folder(): string {
    return this.#folder;
  }

  /** Access for the invoker itself. Needs `start`. */
  get access(): ObjectAccess {
    return (this.#access ??= new ObjectAccess({
      socketPath: this.#path(SOCKET),
      token: (namespace) => this.token(namespace),
      calls: () => (this.#state.kind === 'running' ? this.#state.calls : undefined),
    }));
  }

  /** The URL for a container that sees the folder at a path. */
  socketUrl(folder: string): string {
    return `unix:${join(folder, SOCKET)}`;
  }

  /** The URL for containers that do not see the folder; undefined if there is none. */
  get tcpUrl(): string | undefined {
    const { tcpHost } = this.#options;
    if (!this.#tcp || tcpHost === undefined) return undefined;
    return advertisedUrl('http', tcpHost, this.#tcp.port);
  }

  /** The URL for other invokers and for controllers; undefined if it shares no objects or does not listen. */
  get peerUrl(): string | undefined {
    const { sharing } = this.#options;
    if (!sharing || !this.#tcp || this.#state.kind === 'closed') return undefined;
    return sharing.url ?? advertisedUrl(sharing.tls ? 'https' : 'http', sharing.host, this.#tcp.port);
  }

  /** Takes note of the part of an activation message about objects. */
  noteController(url: string): void {
    this.#options.sharing?.onController?.(url);
  }

  /**
   * Hands all objects over to other invokers. To be called when the controllers send this invoker no more work.
   * Resolves to undefined if there is nothing to hand over.
   */
  async drain(): Promise<DrainOutcome | undefined> {
    const limitMs = this.#options.sharing?.drainMs ?? 0;
    if (limitMs === 0 || this.#state.kind !== 'running' || (this.#counts?.objects ?? 1) === 0) return undefined;
    const { worker } = this.#state;
    const drained = new Promise<DrainOutcome>((resolve) => {
      this.#drained?.({ moved: 0, left: 0 });
      this.#drained = resolve;
      worker.once('exit', () => resolve({ moved: 0, left: 0 }));
    });
    this.#tell(worker, { kind: 'drain', limitMs });
    const outcome = await within(drained, limitMs + 1000, () => undefined);
    this.#options.log.info('other invokers have taken over the objects', { ...(outcome ?? { late: true }) });
    return outcome;
  }

  /** The token of a namespace's containers. */
  token(namespace: ObjectNamespace): string {
    return this.#tokens.make(namespace);
  }

  /** Calls `tell` with the user memory in MB of objects that are never evicted: now, and whenever it has changed. */
  onKept(tell: (memoryMB: number) => void): void {
    this.#onKept = tell;
    tell(this.#keptMB);
  }

  /**
   * Tells how much user memory containers leave, with that of `onKept`. Objects beyond the new bound are evicted, except
   * for those that are kept.
   */
  setFree(bytes: number): void {
    const bound = objectsBound(this.#options.boundBytes, bytes);
    if (bound === this.#bound) return;
    this.#bound = bound;
    if (this.#state.kind === 'running') this.#tell(this.#state.worker, { kind: 'bound', bytes: bound });
  }

  /** The user memory that objects lack, in bytes: they were evicted or refused for it since the last call. */
  takeDemand(): number {
    const pressed = this.#pressed;
    this.#pressed = false;
    return pressed ? Math.max(0, this.#options.boundBytes - this.#bound) : 0;
  }

  /** The last snapshot of the worker; undefined while none runs. */
  counts(): ObjectCounts | undefined {
    return this.#counts;
  }

  /** Ends running requests, at most `graceMs` later, and removes the socket. Its objects are gone. */
  async stop(graceMs: number): Promise<void> {
    await this.#access?.close();
    this.#access = undefined;
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'dormant' || state.kind === 'starting') state.door.close();
    if (state.kind === 'starting') clearTimeout(state.late);
    if (state.kind === 'resting') clearTimeout(state.timer);
    if (state.kind === 'starting' || state.kind === 'running') {
      const { worker } = state;
      const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
      this.#tell(worker, { kind: 'stop', graceMs });
      await within(ended, graceMs + 1000, () => worker.terminate());
    }
    this.#counts = undefined;
    this.#tellKept(0);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #sleep(): Promise<void> {
    const before = this.#state;
    const door = await FrontDoor.open(this.#path(SOCKET), this.#tcp, () => this.#wake());
    // It may have been stopped meanwhile.
    if (this.#state !== before) return door.close();
    this.#tcp = door.tcp;
    this.#state = { kind: 'dormant', door };
  }

  #wake(): void {
    if (this.#state.kind !== 'dormant') return;
    const { door } = this.#state;
    const config: WorkerConfig = {
      invoker: this.#options.invoker,
      tokenSecret: this.#tokenSecret,
      epoch: randomBytes(6).toString('base64url'),
      configuredBytes: this.#options.boundBytes,
      boundBytes: this.#bound,
      doorPath: this.#path('d'),
      socketPath: this.#path('w'),
      instance: this.#options.instance,
      secret: this.#options.sharing?.secret,
      tls: this.#options.sharing?.tls,
      peerTls: this.#options.sharing?.peerTls,
      stores: this.#options.store !== undefined,
    };
    for (const path of [config.doorPath, config.socketPath]) rmSync(path, { force: true });
    // The worker needs nothing from the environment, which may contain secrets.
    const worker = new Worker(this.#options.workerFile ?? workerFile(), {
      workerData: config,
      env: {},
      name: 'objects',
    });
    const late = setTimeout(() => void worker.terminate(), this.#options.startMs ?? START_MS);
    let reason = 'it did not listen in time';
    const calls = new CallClient({ send: (message, bytes) => this.#tell(worker, { kind: 'call', message }, bytes) });
    worker.on('message', (message: FromWorker) => this.#onMessage(worker, calls, message));
    worker.on('error', (error) => (reason = error.stack ?? error.message));
    worker.once('exit', () => {
      calls.end();
      this.#onExit(worker, reason);
    });
    this.#state = { kind: 'starting', door, worker, late };
  }

  #onMessage(worker: Worker, calls: CallClient, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#onReady(worker, calls);
        break;
      case 'counts':
        this.#onCounts(message.counts);
        break;
      case 'kept':
        this.#tellKept(message.bytes);
        break;
      case 'log':
        this.#options.log[message.level](message.text, { error: message.error });
        break;
      case 'question':
        void answerQuestion(this.#answers, message.message).then((answer) =>
          this.#tell(worker, { kind: 'answer', message: answer }),
        );
        break;
      case 'reply':
        calls.replied(message.message);
        break;
      case 'drained':
        this.#drained?.({ moved: message.moved, left: message.left });
        this.#drained = undefined;
        break;
      case 'listening':
      case 'stopped':
        break;
    }
  }

  #onReady(worker: Worker, calls: CallClient): void {
    const state = this.#state;
    if (state.kind !== 'starting' || state.worker !== worker) return;
    clearTimeout(state.late);
    // From here on the worker gets the connections at the path itself.
    renameSync(this.#path('w'), this.#path(SOCKET));
    const passed = state.door.passOn(this.#path('d'));
    const tcp = this.#tcp;
    if (tcp) void passed.then(() => this.#tell(worker, { kind: 'listen', ...tcp }));
    this.#state = { kind: 'running', worker, since: this.#now(), calls };
    this.#tell(worker, { kind: 'bound', bytes: this.#bound });
    this.#options.log.info('objects are in use', { boundMB: Math.floor(this.#bound / 1024 / 1024) });
  }

  #onCounts(counts: ObjectCounts): void {
    const before = this.#counts;
    const lacking = counts.evictions + counts.refusals > (before ? before.evictions + before.refusals : 0);
    if (lacking) this.#pressed = true;
    this.#counts = counts;
    this.#tellKept(counts.keptBytes);
    this.#options.onCounts?.(counts);
  }

  #tellKept(bytes: number): void {
    const memoryMB = keptUserMB(this.#options.boundBytes, bytes);
    if (memoryMB === this.#keptMB) return;
    this.#keptMB = memoryMB;
    this.#onKept?.(memoryMB);
  }

  #onExit(worker: Worker, reason: string): void {
    const state = this.#state;
    if ((state.kind !== 'starting' && state.kind !== 'running') || state.worker !== worker) return;
    if (state.kind === 'starting') {
      clearTimeout(state.late);
      state.door.close();
    }
    this.#counts = undefined;
    this.#tellKept(0);
    rmSync(this.#path(SOCKET), { force: true });
    this.#faults = state.kind === 'running' && this.#now() - state.since >= PROVEN_MS ? 1 : this.#faults + 1;
    const restMs = Math.min(MAX_REST_MS, REST_MS * 2 ** (this.#faults - 1));
    this.#options.log.error(`the thread of the objects has ended: its objects are gone; again in ${restMs} ms`, {
      error: reason,
    });
    this.#rest(restMs);
  }

  #rest(ms: number): void {
    const timer = setTimeout(() => {
      this.#sleep().catch((error: unknown) => {
        if (this.#state.kind === 'closed') return;
        this.#options.log.error(`cannot listen for objects; again in ${MAX_REST_MS} ms`, { error });
        this.#rest(MAX_REST_MS);
      });
    }, ms).unref();
    this.#state = { kind: 'resting', timer };
  }

  #tell(worker: Worker, message: ToWorker, moved: readonly ArrayBuffer[] = []): void {
    worker.postMessage(message, [...moved]);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** The colors whose objects other invokers have taken over, and the others. */
export interface DrainOutcome {
  readonly moved: number;
  readonly left: number;
}

/** The port in a URL; 0: any free one. */
function portOf(url: string | undefined): number {
  if (url === undefined) return 0;
  const { port, protocol } = new URL(url);
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}

/** The main thread's answers to the worker's questions. */
function answersOf({ sharing, store }: ObjectServiceOptions): Answers {
  const objects = store && new ArtifactObjects(store, Date.now);
  const stored = (): ArtifactObjects => {
    if (!objects) throw new Error('there is no store for objects');
    return objects;
  };
  return {
    homes: async ({ namespace, color, policy }) => {
      if (!sharing) throw new Error('the invoker has no peers');
      return sharing.homes(namespace, color, policy);
    },
    invokers: async () => {
      if (!sharing) throw new Error('the invoker has no peers');
      return sharing.invokers();
    },
    keys: async ({ namespace, color }) => stored().keys(namespace, color),
    list: async ({ namespace, request }) => stored().list(namespace, request),
    read: async ({ namespace, address, epoch }) => stored().read(namespace, address, epoch),
    write: async ({ namespace, address, object, epoch }) => stored().write(namespace, address, object, epoch),
    remove: async ({ namespace, address, epoch }) => stored().remove(namespace, address, epoch),
  };
}

/** The worker's file: compiled, or the source with this process's loader (`npm run dev`). */
function workerFile(): URL {
  return new URL(`./worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
