import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { within } from '../../../shared/process/within.js';
import { ContainerClient, newToken } from '../ContainerClient.js';
import type {
  CollectedLogs,
  Container,
  ContainerResponse,
  ContainerSpec,
  LogOptions,
  PostOptions,
  RequestBody,
} from '../ContainerDriver.js';
import { HEAP_EXHAUSTED, type StreamName } from '../logs/LogBuffer.js';
import { LogCollector } from '../logs/LogCollector.js';
import type { Guardian } from './Guardian.js';
import { PID_FILE } from './leftovers.js';
import { canWatchMemory, type MemoryWatch } from './MemoryWatch.js';
import { endGroup, endTree } from './processTree.js';
import type { RuntimeCommand } from './runtimeCommand.js';
import { INFO_DESCRIPTOR, sandboxed } from './sandbox.js';
import { messageOf } from '../../../shared/errors/reasons.js';

export interface ProcessContainerOptions {
  readonly spec: ContainerSpec;
  /** The folder of the working directory, socket and process id. It is removed with the process. */
  readonly folder: string;
  readonly command: RuntimeCommand;
  readonly memory: MemoryWatch;
  readonly guardian: Guardian;
  /** The readable files and folders in a sandbox; undefined: no sandbox, with the same access as this process. */
  readonly sandbox: { readonly readable: readonly string[] } | undefined;
}

const MB = 1024 * 1024;
const SOCKET = 'socket';
/** The longest wait for the last output of a process, in ms. */
const LAST_WORDS_MS = 200;

/** A runtime in a child process, which leads its own process group and listens on a Unix socket. */
export class ProcessContainer implements Container {
  readonly id: string;
  readonly exited: Promise<void>;
  readonly #pid: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #guardian: Guardian;
  readonly #client: ContainerClient;
  readonly #logs: LogCollector;
  readonly #overlapping: boolean;
  readonly #closed: Promise<void>;
  #outOfMemory = false;
  #destroyed: Promise<void> | undefined;
  #onDestroyed: () => void = () => undefined;

  /** @throws the reason why the process did not start */
  static async start(options: ProcessContainerOptions): Promise<ProcessContainer> {
    const { spec, folder, command } = options;
    const runtime: RuntimeCommand = {
      program: command.program,
      args: [
        ...(canWatchMemory ? [] : [`--max-old-space-size=${spec.memoryMB}`]),
        ...command.args,
        '--end-with-parent',
        // The folder in the arguments distinguishes a leftover from an unrelated process with the same id.
        folder,
      ],
    };
    const readable = options.sandbox?.readable;
    const tmpBytes = spec.memoryMB * MB;
    const { program, args } = readable ? sandboxed(runtime, { folder, readable, tmpBytes }) : runtime;
    const child = spawn(program, args, {
      cwd: folder,
      detached: true,
      // The fourth descriptor is never written: its end tells the child that this process is gone. The fifth is for
      // bubblewrap.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...(readable ? (['pipe'] as const) : [])],
      // Do not pass on this process's environment: it may contain secrets.
      env: {
        PATH: process.env['PATH'],
        LANG: process.env['LANG'],
        HOME: folder,
        TMPDIR: folder,
        PORT: join(folder, SOCKET),
        ...(spec.concurrency > 1 ? { __OW_ALLOW_CONCURRENT: 'true' } : {}),
        ...spec.environment,
      },
    });
    if (child.pid === undefined) {
      const failed: readonly unknown[] = await once(child, 'error');
      throw failed[0] instanceof Error ? failed[0] : new Error(messageOf(failed[0]));
    }
    options.guardian.add(child.pid);
    const container = new ProcessContainer(child, child.pid, options);
    await writeFile(join(folder, PID_FILE), container.id);
    return container;
  }

  private constructor(child: ChildProcess, pid: number, options: ProcessContainerOptions) {
    const { spec, folder, guardian } = options;
    this.id = String(pid);
    this.#pid = pid;
    this.#child = child;
    this.#folder = folder;
    this.#overlapping = spec.concurrency > 1;
    const token = newToken();
    this.#logs = new LogCollector({ token });
    this.#client = new ContainerClient({
      token,
      address: { socketPath: join(folder, SOCKET) },
      concurrency: spec.concurrency,
      diedOfMemory: () => this.#diedOfMemory(),
    });
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    // Its own children may keep the streams open: do not wait for them.
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.#closed = this.exited.then(() => within(closed, LAST_WORDS_MS, () => undefined));
    // Let the connections break by themselves, so that a response in flight can still arrive.
    void this.#closed.then(() => {
      this.#client.close();
      this.#logs.end();
    });
    this.#guardian = guardian;
    if (canWatchMemory) {
      if (options.sandbox) void innerPid(child).then((inner) => this.#watchMemory(inner, options));
      else this.#watchMemory(pid, options);
    }
    child.on('error', () => undefined);
    child.stdio[3]?.on('error', () => undefined);
    child.stdout?.on('data', (chunk: Buffer) => this.#write('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#write('stderr', chunk));
  }

  get signsLogs(): boolean {
    return this.#logs.signed;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Calls `callback` once, after the container is destroyed. */
  onDestroyed(callback: () => void): void {
    this.#onDestroyed = callback;
  }

  async post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    if (path === '/run' && !this.#overlapping) this.#logs.begin();
    const response = await this.#client.post(path, body, options);
    if (path === '/init' && response.tokenAccepted) this.#logs.requireSigned();
    return response;
  }

  async pause(): Promise<void> {
    this.#client.disconnect();
    this.#signal('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#signal('SIGCONT');
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  collectLogs(options: LogOptions): Promise<CollectedLogs> {
    return this.#logs.collect(options);
  }

  async #destroy(): Promise<void> {
    this.#client.close();
    await endTree(this.#pid, this.#folder);
    await this.exited;
    this.#guardian.remove(this.#pid);
    await rm(this.#folder, { recursive: true, force: true });
    this.#onDestroyed();
  }

  #watchMemory(pid: number | undefined, { memory, spec }: ProcessContainerOptions): void {
    if (pid === undefined || !this.running) return;
    memory.add(pid, spec.memoryMB * MB, () => {
      this.#outOfMemory = true;
      endGroup(this.#pid);
    });
    void this.exited.then(() => memory.remove(pid));
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#pid, signal);
    } catch (error) {
      throw new Error(`process ${this.id} cannot be sent ${signal}`, { cause: error });
    }
  }

  #write(stream: StreamName, chunk: Buffer): void {
    if (stream === 'stderr' && chunk.includes(HEAP_EXHAUSTED)) this.#outOfMemory = true;
    this.#logs.write(stream, chunk);
  }

  /**
   * Whether it was killed because of its memory, or V8 exhausted its heap: stderr may arrive after the connection
   * broke.
   */
  async #diedOfMemory(): Promise<boolean> {
    if (!this.#outOfMemory) await within(this.#closed, LAST_WORDS_MS, () => undefined);
    return this.#outOfMemory;
  }
}

/** Bubblewrap's information about its command: the process id outside of the sandbox. */
const sandboxInfoSchema = z.object({ 'child-pid': z.number().int().positive() });

/** The process id of the command in a sandbox; undefined if the sandbox ended first. */
async function innerPid(child: ChildProcess): Promise<number | undefined> {
  const stream = child.stdio[INFO_DESCRIPTOR];
  if (!stream || !('readable' in stream)) return undefined;
  let told = '';
  try {
    for await (const chunk of stream) told += String(chunk);
    return sandboxInfoSchema.parse(JSON.parse(told))['child-pid'];
  } catch {
    return undefined;
  }
}
