import { Worker } from 'node:worker_threads';
import type { LiveLine } from '../../invoker/activations/liveLines.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { LocalImages } from '../../invoker/containers/docker/LocalImages.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import { writeForwarded } from '../../shared/logging/forwardingLogger.js';
import { serveBus } from '../../shared/messaging/port/serveBus.js';
import type { MergedRegistry } from '../../shared/metrics/MergedRegistry.js';
import type { Platform } from '../../shared/platform/openPlatform.js';
import type { DiskSpace } from '../../shared/store/embedded/DiskSpace.js';
import { within } from '../../shared/process/within.js';
import { serveActivations } from '../../shared/store/port/PortActivations.js';
import { storeServices } from '../../shared/store/port/PortStore.js';
import { Calls, type Remote } from '../../shared/threads/Calls.js';
import { ERRORS, type InvokerServices, type InvokerThreadConfig, type MainServices } from './threadMessages.js';
import { topicNamed } from './topicNamed.js';

/*
 * An invoker in a thread of its own. Its states:
 *
 *   starting  its modules load and its containers are chosen → running, or ended: it reports the reason
 *   running                                                   → stopping: `stop`
 *                                                             → ended: the thread died; the server ends, too, since nobody else has
 *                                                               the activations that it ran
 *   stopping  activations end, containers are removed         → ended
 */
type State = 'starting' | 'running' | 'stopping' | 'ended';

export interface InvokerThreadParts {
  readonly config: Omit<InvokerThreadConfig, 'debug' | 'tellsActivations' | 'tellsLines'>;
  readonly platform: Pick<Platform, 'log' | 'messaging' | 'topics' | 'stores' | 'activations'>;
  readonly registry: MergedRegistry;
  readonly homesOfObjects: (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;
  readonly invokersOfObjects: () => Promise<InvokersReply>;
  readonly images: LocalImages;
  readonly onActivation: ((record: ActivationRecord) => void) | undefined;
  readonly onLine: ((line: LiveLine) => void) | undefined;
  /** Is told that the disk of the data folder refuses the thread's writes, or does not answer them. */
  readonly disk: Pick<DiskSpace, 'writeFailed' | 'hangs'>;
  /** Is told that a running thread has ended without `stop`. Its activations are lost to this process. */
  readonly onDeath: (error: Error) => void;
  /** Missing: the file of the invoker's thread. */
  readonly file?: URL | undefined;
  /** The longest wait for the thread to stop, in ms: it gives activations 20 s. */
  readonly stopMs?: number | undefined;
}

const STOP_MS = 30_000;

export class InvokerThread {
  readonly #name: string;
  readonly #worker: Worker;
  readonly #calls: Calls;
  readonly #remote: Remote<InvokerServices>;
  readonly #onDeath: (error: Error) => void;
  readonly #stopMs: number;
  #state: State = 'starting';
  #reason = 'it ended by itself';
  #stopServing: () => void = () => {};

  private constructor(parts: InvokerThreadParts) {
    const { config, platform, onActivation, onLine } = parts;
    this.#onDeath = parts.onDeath;
    this.#stopMs = parts.stopMs ?? STOP_MS;
    this.#name = `invoker${config.instance}`;
    this.#worker = new Worker(parts.file ?? threadFile(), {
      workerData: {
        ...config,
        debug: platform.log.debugEnabled,
        tellsActivations: onActivation !== undefined,
        tellsLines: onLine !== undefined,
      } satisfies InvokerThreadConfig,
      name: this.#name,
    });
    const log = platform.log.component(this.#name);
    this.#calls = new Calls(this.#worker, {
      errors: ERRORS,
      onFault: (name, error) => log.error(`${name} failed`, { error }),
    });
    this.#remote = this.#calls.to<InvokerServices>();
    this.#worker.on('error', (error: unknown) => {
      this.#reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    });
    this.#worker.once('exit', () => this.#ended());
  }

  /**
   * Starts the thread and its invoker.
   * @throws the error of the start.
   */
  static async start(parts: InvokerThreadParts): Promise<InvokerThread> {
    const { disk, platform, images, onActivation, onLine, registry } = parts;
    const { log } = platform;
    const thread = new InvokerThread(parts);
    const calls = thread.#calls;
    calls.serve({
      log: (line) => writeForwarded(log, line),
      homes: parts.homesOfObjects,
      invokers: parts.invokersOfObjects,
      imageReady: (reference) => images.ready(reference),
      imageMissing: (reference) => images.missing(reference),
      activation: (record) => onActivation?.(record),
      line: (line) => onLine?.(line),
      writeFailed: (message) => disk.writeFailed(new Error(`${thread.#name}: ${message}`)),
      diskStuck: (stuck) => disk.hangs(thread.#name, stuck),
    } satisfies MainServices);
    calls.serve(storeServices(platform.stores));
    thread.#stopServing = serveActivations(calls, platform.activations, () => false);
    try {
      await serveBus(calls, platform.messaging, (name) => topicNamed(platform.topics, name));
      await thread.#remote.call('start');
    } catch (error) {
      thread.#state = 'stopping';
      await thread.#worker.terminate();
      throw error;
    }
    thread.#state = 'running';
    registry.include(() => thread.#remote.call('metrics'));
    return thread;
  }

  /** The time in seconds in which the thread was busy since its start. */
  busySeconds(): number {
    return this.#worker.performance.eventLoopUtilization().active / 1000;
  }

  /** Stops the invoker, then the thread. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    try {
      await within(this.#remote.call('stop'), this.#stopMs, () => {
        throw new Error(`the thread of ${this.#name} did not stop within ${this.#stopMs} ms`);
      });
    } finally {
      await this.#worker.terminate();
    }
  }

  #ended(): void {
    const before = this.#state;
    this.#state = 'ended';
    this.#stopServing();
    this.#calls.close(`the thread of ${this.#name} ended: ${this.#reason}`);
    if (before === 'running') this.#onDeath(new Error(`the thread of ${this.#name} ended: ${this.#reason}`));
  }
}

function threadFile(): URL {
  return new URL(`./invokerWorker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
