import type Docker from 'dockerode';
import { within } from '../../../shared/process/within.js';
import { ContainerClient, newToken, type ContainerAddress } from '../ContainerClient.js';
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
import { HEAP_EXHAUSTED, type StreamName } from '../logs/LogBuffer.js';
import { LogCollector } from '../logs/LogCollector.js';
import { engineCall, type EngineLimits } from './engineCall.js';
import type { Ending, EngineEvents } from './EngineEvents.js';
import { FrameDecoder } from './FrameDecoder.js';
import { PROXY_PORT, type DockerSettings } from './settings.js';

export interface DockerContainerOptions {
  /** Created but not started. */
  readonly container: Docker.Container;
  readonly spec: ContainerSpec;
  readonly settings: DockerSettings;
  readonly events: EngineEvents;
  readonly limits: EngineLimits;
  readonly remove: () => Promise<void>;
}

/** The longest wait after a broken connection until the end of the container is seen, in ms. */
const END_MS = 500;

/**
 * A running container. It reads the logs from one stream, opened before the start. The end of the stream is its end.
 */
export class DockerContainer implements Container {
  readonly id: string;
  readonly exited: Promise<void>;
  readonly #options: DockerContainerOptions;
  readonly #client: ContainerClient;
  readonly #logs: LogCollector;
  readonly #output: NodeJS.ReadableStream & { destroy?: () => void };
  readonly #ending: Ending;
  #running = true;
  #heapExhausted = false;
  #destroyed: Promise<void> | undefined;

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
    const address = addressOf(info, settings);
    return new DockerContainer(options, output, address, ending);
  }

  private constructor(
    options: DockerContainerOptions,
    output: NodeJS.ReadableStream,
    address: ContainerAddress,
    ending: Ending,
  ) {
    this.#ending = ending;
    this.id = options.container.id;
    this.#options = options;
    this.#output = output;
    const token = newToken();
    this.#logs = new LogCollector({ token });
    this.#client = new ContainerClient({
      address,
      token,
      concurrency: options.spec.concurrency,
      diedOfMemory: () => this.#diedOfMemory(),
      proxied: options.settings.reach === 'port',
    });
    const frames = new FrameDecoder((stream, chunk) => this.#write(stream, chunk));
    output.on('data', (chunk: Buffer) => frames.decode(chunk));
    this.exited = new Promise((resolve) => {
      const end = (): void => {
        this.#running = false;
        this.#logs.end();
        resolve();
      };
      output.once('end', end).once('close', end).once('error', end);
    });
    // The connections break by themselves. This stops further attempts to connect.
    void this.exited.then(() => setTimeout(() => this.#client.close(), END_MS).unref());
  }

  get signsLogs(): boolean {
    return this.#logs.signed;
  }

  get running(): boolean {
    return this.#running;
  }

  async post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    // A published port may accept connections for a while after the container has ended.
    if (!this.#running) throw new ContainerConnectionError('refused', 'the container has ended');
    if (path === '/run' && this.#options.spec.concurrency === 1) this.#logs.begin();
    const response = await this.#client.post(path, body, options);
    if (path === '/init' && response.tokenAccepted) this.#logs.requireSigned();
    return response;
  }

  async pause(): Promise<void> {
    // The timers of a paused runtime stop. When it resumes, it would close connections as idle for too long.
    this.#client.disconnect();
    const { container, limits } = this.#options;
    await engineCall('a pause', limits.pauseMs, container.pause());
  }

  async resume(): Promise<void> {
    const { container, limits } = this.#options;
    await engineCall('the end of a pause', limits.pauseMs, container.unpause());
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy().catch((error: unknown) => {
      // Allow another attempt.
      this.#destroyed = undefined;
      throw error;
    });
    return this.#destroyed;
  }

  collectLogs(options: LogOptions): Promise<CollectedLogs> {
    return this.#logs.collect(options);
  }

  async #destroy(): Promise<void> {
    this.#client.close();
    await this.#options.remove();
    this.#output.destroy?.();
    await this.exited;
  }

  #write(stream: StreamName, chunk: Buffer): void {
    if (stream === 'stderr' && chunk.includes(HEAP_EXHAUSTED)) this.#heapExhausted = true;
    this.#logs.write(stream, chunk);
  }

  /** Whether the kernel killed it because of its memory, or V8 exhausted its heap (seen on stderr). */
  async #diedOfMemory(): Promise<boolean> {
    const { container, events, limits } = this.#options;
    const told: Promise<unknown> = events.listening ? Promise.all([this.exited, this.#ending.died]) : this.exited;
    await within(told, END_MS, () => undefined);
    if (this.#heapExhausted || this.#ending.outOfMemory) return true;
    if (this.#running || this.#destroyed || this.#ending.dead) return false;
    try {
      const info = await engineCall('the request for a state', limits.pauseMs, container.inspect());
      return info.State.OOMKilled;
    } catch {
      return false;
    }
  }
}

function addressOf(info: Docker.ContainerInspectInfo, settings: DockerSettings): ContainerAddress {
  const { Networks: networks, Ports: ports } = info.NetworkSettings;
  if (settings.reach === 'port') {
    const port = Number(ports[`${PROXY_PORT}/tcp`]?.[0]?.HostPort);
    if (port > 0) return { host: '127.0.0.1', port };
  } else {
    const host = networks[settings.network]?.IPAddress;
    if (host) return { host, port: PROXY_PORT };
  }
  const { State: state } = info;
  if (state.Running) throw new ContainerStartError(`the container has no address in the network '${settings.network}'`);
  const said = state.Error === '' ? '' : `: ${state.Error}`;
  throw new ContainerStartError(`The container ended at once, with code ${state.ExitCode}${said}.`, {
    endedAtOnce: true,
  });
}

const isDestroyable = (stream: object): stream is { destroy(): void } =>
  'destroy' in stream && typeof stream.destroy === 'function';
