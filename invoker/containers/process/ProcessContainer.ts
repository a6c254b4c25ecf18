import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ContainerClient, newToken } from '../ContainerClient.js';
import type {
  CollectedLogs,
  Container,
  ContainerResponse,
  ContainerSpec,
  LogOptions,
  PostOptions,
} from '../ContainerDriver.js';
import { HEAP_EXHAUSTED, type StreamName } from '../logs/LogBuffer.js';
import { LogCollector } from '../logs/LogCollector.js';
import type { Guardian } from './Guardian.js';
import { PID_FILE } from './leftovers.js';
import { canWatchMemory, type MemoryWatch } from './MemoryWatch.js';
import { endGroup, endTree } from './processTree.js';
import type { Command } from './runtimeCommand.js';
import { INFO_DESCRIPTOR, sandboxed } from './sandbox.js';

export interface ProcessContainerOptions {
  readonly spec: ContainerSpec;
  /** The process's own: working directory, socket, process id. Removed with it. */
  readonly folder: string;
  readonly command: Command;
  readonly memory: MemoryWatch;
  readonly guardian: Guardian;
  /** Files and folders to read in a sandbox; undefined: the process sees all that this one does. */
  readonly sandbox: { readonly readable: readonly string[] } | undefined;
}

const MB = 1024 * 1024;
const SOCKET = 'socket';
/** How long the last words of a process may take to be read. */
const LAST_WORDS_MS = 200;

/** A runtime in a child process, the leader of its own process group, which listens on a Unix socket. */
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

  /** @throws what kept the process from being started */
  static async start(options: ProcessContainerOptions): Promise<ProcessContainer> {
    const { spec, folder, command } = options;
    const runtime: Command = {
      program: command.program,
      args: [
        ...(canWatchMemory ? [] : [`--max-old-space-size=${spec.memoryMB}`]),
        ...command.args,
        '--end-with-parent',
        // The folder among the arguments tells a leftover from another process that got its id.
        folder,
      ],
    };
    const readable = options.sandbox?.readable;
    const tmpBytes = spec.memoryMB * MB;
    const { program, args } = readable ? sandboxed(runtime, { folder, readable, tmpBytes }) : runtime;
    const child = spawn(program, args, {
      cwd: folder,
      detached: true,
      // The fourth is never written to: its end tells the child that this process is gone. The fifth is bubblewrap's.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...(readable ? (['pipe'] as const) : [])],
      // Nothing of this process's own environment: it may hold secrets.
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
      const [error] = (await once(child, 'error')) as [Error];
      throw error;
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
    // What it started itself may keep its streams open after it: that is not waited for.
    this.#closed = Promise.race([
      new Promise<void>((resolve) => child.once('close', () => resolve())),
      this.exited.then(() => sleep(LAST_WORDS_MS, undefined, { ref: false })),
    ]);
    // The connections are left to break by themselves: that tells whether an answer still came.
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

  /** Calls back once, when it was destroyed. */
  onDestroyed(callback: () => void): void {
    this.#onDestroyed = callback;
  }

  async post(path: '/init' | '/run', body: string, options: PostOptions): Promise<ContainerResponse> {
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

  /** It was ended for that here; or V8 gave up, and said so on stderr, which may be read after the connection broke. */
  async #diedOfMemory(): Promise<boolean> {
    if (!this.#outOfMemory) await Promise.race([this.#closed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    return this.#outOfMemory;
  }
}

/** What bubblewrap says of the command that it runs: its process id, as this process sees it. */
const sandboxInfoSchema = z.object({ 'child-pid': z.number().int().positive() });

/** The process id of the command in a sandbox; undefined where the sandbox ended before it said so. */
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
