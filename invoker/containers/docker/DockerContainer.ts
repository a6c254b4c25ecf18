import type Docker from 'dockerode';
import { within } from '../../../shared/process/within.js';
import type { ContainerAddress } from '../HttpConnection.js';
import {
  ContainerConnectionError,
  ContainerStartError,
  type CollectedLogs,
  type Container,
  type ContainerResponse,
  type ContainerSpec,
  type LogOptions,
  type PostOptions,
  type RequestBody,
} from '../ContainerDriver.js';
import { RuntimeChannel } from '../channel/RuntimeChannel.js';
import { sharedAttempt } from '../sharedAttempt.js';
import { addressOf } from './address.js';
import { engineCall, type EngineLimits } from './engineCall.js';
import type { Ending, EngineEvents } from './EngineEvents.js';
import { FrameDecoder } from './FrameDecoder.js';
import { pauseContainer, resumeContainer } from './pausing.js';
import type { DockerSettings } from './settings.js';

export interface DockerContainerOptions {
  /** Created but not started. */
  readonly container: Docker.Container;
  readonly spec: ContainerSpec;
  readonly settings: DockerSettings;
  readonly events: EngineEvents;
  readonly limits: EngineLimits;
  /** The address of its prepared network; undefined: it has a network of its own. */
  readonly address: ContainerAddress | undefined;
  readonly remove: () => Promise<void>;
}

/** The longest wait after a broken connection until the end of the container is seen, in ms. */
const END_MS = 500;
/** The longest wait for the event that the kernel has killed a container because of its memory, in ms. */
const LATE_EVENT_MS = 500;

/**
 * A running container. It reads the logs from one stream, opened before the start. The end of the stream is its end.
 */
export class DockerContainer implements Container {
  readonly id: string;
  readonly exited: Promise<void>;
  readonly released: Promise<void>;
  readonly #options: DockerContainerOptions;
  readonly #channel: RuntimeChannel;
  readonly #output: NodeJS.ReadableStream & { destroy?: () => void };
  readonly #ending: Ending;
  readonly destroy = sharedAttempt(() => this.#destroy());
  #running = true;
  #destroying = false;
  #release: () => void = () => undefined;

  /** @throws the reason why it did not start. The caller must remove the container then. */
  static async start(options: DockerContainerOptions): Promise<DockerContainer> {
    const { container, settings, events, limits } = options;
    const ending = events.watch(container.id);
    const attached = container.attach({ stream: true, stdout: true, stderr: true });
    const output = await engineCall('the request for output', limits.callMs, attached, (stream) => {
      // Close a stream that arrives after the timeout.
      if (isDestroyable(stream)) stream.destroy();
    });
    await engineCall('the start of a container', limits.callMs, container.start());
    const info = await engineCall('the request for an address', limits.callMs, container.inspect());
    if (!info.State.Running) throw endedAtOnce(info.State);
    const address = options.address ?? addressOf(info, settings);
    if (!address) {
      throw new ContainerStartError(`the container has no address in the network '${settings.network}'`);
    }
    return new DockerContainer(options, output, address, ending);
  }

  private constructor(
    options: DockerContainerOptions,
    output: NodeJS.ReadableStream,
    address: ContainerAddress,
    ending: Ending,
  ) {
    this.#ending = ending;
    this.released = new Promise((resolve) => {
      this.#release = resolve;
      // An action can close its streams, so their end is not enough.
      void ending.died.then(resolve);
    });
    this.id = options.container.id;
    this.#options = options;
    this.#output = output;
    this.#channel = new RuntimeChannel({
      address,
      concurrency: options.spec.concurrency,
      diedOfMemory: () => this.#diedOfMemory(),
      proxied: options.settings.reach === 'port',
    });
    const frames = new FrameDecoder((stream, chunk) => this.#channel.write(stream, chunk));
    output.on('data', (chunk: Buffer) => frames.decode(chunk));
    this.exited = new Promise((resolve) => {
      const end = (): void => {
        this.#running = false;
        this.#channel.endLogs();
        resolve();
      };
      output.once('end', end).once('close', end).once('error', end);
    });
    // The connections break by themselves. This stops further attempts to connect.
    void this.exited.then(() => setTimeout(() => this.#channel.close(), END_MS).unref());
  }

  get signsLogs(): boolean {
    return this.#channel.signsLogs;
  }

  get running(): boolean {
    return this.#running;
  }

  async post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    // A published port may accept connections for a while after the container has ended.
    if (!this.#running) throw new ContainerConnectionError('refused', 'the container has ended');
    return this.#channel.post(path, body, options);
  }

  async pause(): Promise<void> {
    this.#channel.disconnect();
    await pauseContainer(this.#options.container, this.#options.limits);
  }

  resume(): Promise<void> {
    return resumeContainer(this.#options.container, this.#options.limits);
  }

  collectLogs(options: LogOptions): Promise<CollectedLogs> {
    return this.#channel.collectLogs(options);
  }

  async #destroy(): Promise<void> {
    this.#destroying = true;
    this.#channel.close();
    await this.#options.remove();
    this.#release();
    this.#output.destroy?.();
    await this.exited;
  }

  /**
   * Whether the kernel killed it because of its memory, or V8 exhausted its heap (seen on stderr). The event of the kernel's
   * kill may come after that of the end. Only a container that was killed waits for it.
   */
  async #diedOfMemory(): Promise<boolean> {
    const { container, events, limits } = this.#options;
    const ending = this.#ending;
    const told: Promise<unknown> = events.listening ? Promise.all([this.exited, ending.died]) : this.exited;
    await within(told, END_MS, () => undefined);
    if (this.#channel.heapExhausted || ending.outOfMemory) return true;
    if (this.#destroying) return false;
    if (ending.dead) {
      if (!ending.mayBeOutOfMemory) return false;
      const exhausted = ending.exhausted.then(() => true);
      if (await within(exhausted, LATE_EVENT_MS, () => false)) return true;
    } else if (this.#running) return false;
    try {
      const info = await engineCall('the request for a state', limits.pauseMs, container.inspect());
      return info.State.OOMKilled;
    } catch {
      return false;
    }
  }
}

function endedAtOnce(state: { readonly Error: string; readonly ExitCode: number }): ContainerStartError {
  const said = state.Error === '' ? '' : `: ${state.Error}`;
  return new ContainerStartError(`The container ended at once, with code ${state.ExitCode}${said}.`, {
    endedAtOnce: true,
  });
}

const isDestroyable = (stream: object): stream is { destroy(): void } =>
  'destroy' in stream && typeof stream.destroy === 'function';
