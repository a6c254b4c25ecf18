import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { AcceptedWork } from '../../controller/invocation/Journal.js';
import { writeForwarded } from '../../shared/logging/forwardingLogger.js';
import { serveBus } from '../../shared/messaging/port/serveBus.js';
import type { MergedRegistry } from '../../shared/metrics/MergedRegistry.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { Platform } from '../../shared/platform/openPlatform.js';
import { within } from '../../shared/process/within.js';
import { serveActivations } from '../../shared/store/port/PortActivations.js';
import { storeServices } from '../../shared/store/port/PortStore.js';
import { Calls, type Remote } from '../../shared/threads/Calls.js';
import type { Taker } from './Acceptor.js';
import type { Activity } from './activity/activity.js';
import {
  CONNECTION,
  type ControllerProcessConfig,
  type ControllerServices,
  type MainOfController,
} from './controllerMessages.js';
import { ERRORS } from './threadMessages.js';
import { topicNamed } from './topicNamed.js';

/*
 * A controller in a process of its own. Its states:
 *
 *   starting  it joins the bus                          → running, or ended: it reports the reason
 *   running   it gets connections while it answers      → stopping: `close`
 *                                                       → ended: the process died, or was killed after 30 looks without an answer; the server ends, too, since nobody else has the
 *                                                         callers that waited and the sequences that ran
 *   stopping  it has drained, and leaves the bus        → ended
 */
type State = 'starting' | 'running' | 'stopping' | 'ended';

export interface ControllerProcessParts {
  readonly config: Omit<ControllerProcessConfig, 'debug' | 'tells'>;
  readonly platform: Pick<Platform, 'log' | 'messaging' | 'topics' | 'stores' | 'activations'>;
  readonly registry: MergedRegistry;
  readonly work: AcceptedWork;
  readonly unavailable: (kind: string) => Promise<string | undefined>;
  /** Switches all controllers of the server. */
  readonly setAllInService: (on: boolean) => Promise<void>;
  /** Whether new work must be refused, such as on a full disk. */
  readonly refuses: () => boolean;
  readonly activity: Activity;
  /** Is told that a running process has ended without `close`. */
  readonly onDeath: (error: Error) => void;
  /** The longest wait for its controller to start, in ms. */
  readonly startMs?: number | undefined;
  /** The interval of looks whether the process answers, in ms. */
  readonly lookMs?: number | undefined;
  /** The longest wait for the process to leave the bus, and then to end, in ms. */
  readonly closeMs?: number | undefined;
}

/** It takes seconds; a busy machine may take minutes. */
const START_MS = 180_000;

const LOOK_MS = 1000;
/** After so many looks without an answer, other controllers get its connections. */
const SILENT_LOOKS = 2;
/** After so many it is killed: it is frozen, or in an endless loop. Looks are counted, since both processes may have been stopped. */
const DEAD_LOOKS = 30;

/** The longest wait for a process to be taken out of service, or into it, in ms. */
const SWITCH_MS = 5000;

const CLOSE_MS = 10_000;

export class ControllerProcess implements Taker {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #calls: Calls;
  readonly #remote: Remote<ControllerServices>;
  readonly #exited: Promise<void>;
  readonly #onDeath: (error: Error) => void;
  readonly #lookMs: number;
  readonly #closeMs: number;
  #stopServing: () => void = () => {};
  #state: State = 'starting';
  #looks: NodeJS.Timeout | undefined;
  #unanswered = 0;
  #killedFor: string | undefined;

  private constructor({ config, platform, onDeath, lookMs = LOOK_MS, closeMs = CLOSE_MS }: ControllerProcessParts) {
    this.#name = `controller${config.instance}`;
    this.#lookMs = lookMs;
    this.#closeMs = closeMs;
    this.#onDeath = onDeath;
    const source = import.meta.url.endsWith('.ts');
    const file = fileURLToPath(new URL(`./controllerChild.${source ? 'ts' : 'js'}`, import.meta.url));
    const child = fork(file, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    const log = platform.log.component(this.#name);
    this.#calls = new Calls(
      {
        postMessage: (frames) => {
          // The error of a child that has just ended follows from its exit.
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Calls` sends arrays
          if (child.connected) child.send(frames as object, () => undefined);
        },
        on: (event, listener) => child.on(event, listener),
      },
      { errors: ERRORS, onFault: (name, error) => log.error(`${name} failed`, { error }) },
    );
    this.#remote = this.#calls.to<ControllerServices>();
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => this.#ended(error.message, resolve));
      child.once('exit', (code, signal) => this.#ended(signal ?? `code ${code}`, resolve));
    });
  }

  /** Starts the process and its controller. @throws the error of the start. */
  static async start(parts: ControllerProcessParts): Promise<ControllerProcess> {
    const { config, platform, work, activity, registry, startMs = START_MS } = parts;
    const { log } = platform;
    const started = new ControllerProcess(parts);
    const calls = started.#calls;
    calls.serve({
      log: (line) => writeForwarded(log, line),
      unavailable: parts.unavailable,
      setAllInService: parts.setAllInService,
      accepted: (record) => work.accepted(record),
      ended: (activationId) => work.ended(activationId),
      answered: (record) => work.answered(record),
      metricsPage: () => registry.metrics(),
      request: (report) => activity.request?.(report),
      activation: (record) => activity.activation?.(record),
    } satisfies MainOfController);
    calls.serve(storeServices(platform.stores));
    started.#stopServing = serveActivations(calls, platform.activations, parts.refuses);
    try {
      await serveBus(calls, platform.messaging, (name) => topicNamed(platform.topics, name));
      const start = started.#remote.call('start', {
        ...config,
        debug: log.debugEnabled,
        tells: { requests: activity.request !== undefined, activations: activity.activation !== undefined },
      });
      await within(start, startMs, () => {
        throw new Error(`${started.#name} did not start within ${startMs / 1000} s`);
      });
    } catch (error) {
      started.#state = 'stopping';
      started.#child.kill('SIGKILL');
      throw error;
    }
    started.#state = 'running';
    started.#watch();
    registry.include(() => started.#remote.call('metrics'));
    return started;
  }

  /** Lets it serve once it knows so many invokers and controllers. */
  serve(invokers: number, controllers: number): Promise<void> {
    return this.#remote.call('serve', invokers, controllers);
  }

  get answers(): boolean {
    return this.#unanswered < SILENT_LOOKS;
  }

  /** Hands a connection over. This process must not have read from it. */
  take(socket: Socket): void {
    if (!this.#child.connected) {
      socket.destroy();
      return;
    }
    this.#child.send(CONNECTION, socket, { keepOpen: false }, (error) => {
      if (error) socket.destroy();
    });
  }

  homes(namespace: string, color: string, policy: string | undefined): Promise<HomesReply | undefined> {
    return this.#remote.call('homes', namespace, color, policy);
  }

  invokers(): Promise<InvokersReply | undefined> {
    return this.#remote.call('invokers');
  }

  /** Takes it out of service, or into it. @throws if it does not answer in time. */
  async setInService(on: boolean): Promise<void> {
    if (this.#state !== 'running') return;
    await within(this.#remote.call('setInService', on), SWITCH_MS, () => {
      throw new Error(`${this.#name} did not answer within ${SWITCH_MS} ms`);
    });
  }

  /** Takes no more requests. Resolves when those that it has and accepted work have ended, at the latest after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    if (this.#state === 'running') await this.#remote.call('drain', limitMs);
  }

  /** Leaves the bus and ends the process. */
  async close(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    try {
      await within(this.#remote.call('close'), this.#closeMs, () => {
        throw new Error(`${this.#name} did not leave the bus within ${this.#closeMs} ms`);
      });
    } finally {
      this.#child.disconnect();
      await within(this.#exited, this.#closeMs, () => void this.#child.kill('SIGKILL'));
    }
  }

  #watch(): void {
    const look = (): void => {
      if (this.#unanswered++ === 0) {
        this.#remote.call('ping').then(
          () => (this.#unanswered = 0),
          // The end of the process says more.
          () => undefined,
        );
      }
      if (this.#unanswered <= DEAD_LOOKS || this.#state !== 'running') return;
      this.#killedFor = `it did not answer for ${(DEAD_LOOKS * this.#lookMs) / 1000} s`;
      this.#child.kill('SIGKILL');
    };
    this.#looks = setInterval(look, this.#lookMs);
    this.#looks.unref();
  }

  #ended(how: string, resolve: () => void): void {
    const before = this.#state;
    clearInterval(this.#looks);
    this.#state = 'ended';
    this.#stopServing();
    const reason = `the process of ${this.#name} ended: ${this.#killedFor ?? how}`;
    this.#calls.close(reason);
    resolve();
    if (before === 'running') this.#onDeath(new Error(reason));
  }
}
