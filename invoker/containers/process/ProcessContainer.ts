import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { within } from '../../../shared/process/within.js';
import type { Cgroup } from '../cgroups/Cgroup.js';
import type {
  CollectedLogs,
  Container,
  ContainerResponse,
  ContainerSpec,
  LogOptions,
  PostOptions,
  RequestBody,
} from '../ContainerDriver.js';
import { environmentOf } from '../inContainer.js';
import { RuntimeChannel } from '../channel/RuntimeChannel.js';
import type { Guardian } from './Guardian.js';
import { PID_FILE } from './leftovers.js';
import { lowerPriority } from './lowerPriority.js';
import { canWatchMemory, type MemoryWatch } from './MemoryWatch.js';
import { endGroup, endTree } from './processTree.js';
import type { ProcessRuntime, RuntimeCommand } from './runtimeCommand.js';
import { INFO_DESCRIPTOR, sandboxed } from './sandbox.js';
import { messageOf } from '../../../shared/errors/reasons.js';

export interface ProcessContainerOptions {
  readonly spec: ContainerSpec;
  /** The folder of the working directory, socket and process id. It is removed with the process. */
  readonly folder: string;
  readonly runtime: ProcessRuntime;
  readonly memory: MemoryWatch;
  readonly guardian: Guardian;
  /** The readable files and folders in a sandbox; undefined: no sandbox, with the same access as this process. */
  readonly sandbox: { readonly readable: readonly string[] } | undefined;
  /** Its control group, which is removed with it; undefined: its memory is checked periodically. */
  readonly cgroup: Cgroup | undefined;
}

const MB = 1024 * 1024;
const SOCKET = 'socket';
/** The longest wait for the last output of a process, in ms. */
const LAST_WORDS_MS = 200;

/** A runtime in a child process, which leads its own process group and listens on a Unix socket. */
export class ProcessContainer implements Container {
  readonly id: string;
  readonly exited: Promise<void>;
  readonly released: Promise<void>;
  readonly #pid: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #guardian: Guardian;
  readonly #cgroup: Cgroup | undefined;
  readonly #channel: RuntimeChannel;
  readonly #closed: Promise<void>;
  #outOfMemory = false;
  #destroyed: Promise<void> | undefined;
  #onDestroyed: () => void = () => undefined;
  #release: () => void = () => undefined;

  /** @throws the reason why the process did not start */
  static async start(options: ProcessContainerOptions): Promise<ProcessContainer> {
    const { spec, folder } = options;
    const { command, heapLimit } = options.runtime;
    const started: RuntimeCommand = {
      program: command.program,
      args: [
        ...(canWatchMemory ? [] : (heapLimit?.(spec.memoryMB) ?? [])),
        ...command.args,
        '--end-with-parent',
        // The folder in the arguments distinguishes a leftover from an unrelated process with the same id.
        folder,
      ],
    };
    const readable = options.sandbox?.readable;
    const tmpBytes = spec.memoryMB * MB;
    const isolated = readable ? sandboxed(started, { folder, readable, tmpBytes }) : started;
    const { program, args } = options.cgroup?.joined(isolated) ?? isolated;
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
        ...environmentOf(spec),
      },
    });
    if (child.pid === undefined) {
      const failed: readonly unknown[] = await once(child, 'error');
      throw failed[0] instanceof Error ? failed[0] : new Error(messageOf(failed[0]));
    }
    options.guardian.add(child.pid);
    if (!options.cgroup) void lowerPriority(child.pid);
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
    this.#channel = new RuntimeChannel({
      address: { socketPath: join(folder, SOCKET) },
      concurrency: spec.concurrency,
      diedOfMemory: () => this.#diedOfMemory(),
    });
    this.released = new Promise((resolve) => (this.#release = resolve));
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    // Its own children may keep the streams open: do not wait for them.
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.#closed = this.exited.then(() => within(closed, LAST_WORDS_MS, () => undefined));
    // Let the connections break by themselves, so that a response in flight can still arrive.
    void this.#closed.then(() => {
      this.#channel.close();
      this.#channel.endLogs();
    });
    this.#guardian = guardian;
    this.#cgroup = options.cgroup;
    if (canWatchMemory && !options.cgroup) {
      if (options.sandbox) void innerPid(child).then((inner) => this.#watchMemory(inner, options));
      else this.#watchMemory(pid, options);
    }
    child.on('error', () => undefined);
    child.stdio[3]?.on('error', () => undefined);
    child.stdout?.on('data', (chunk: Buffer) => this.#channel.write('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#channel.write('stderr', chunk));
  }

  get signsLogs(): boolean {
    return this.#channel.signsLogs;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Calls `callback` once, after the container is destroyed. */
  onDestroyed(callback: () => void): void {
    this.#onDestroyed = callback;
  }

  post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    return this.#channel.post(path, body, options);
  }

  async pause(): Promise<void> {
    this.#channel.disconnect();
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
    return this.#channel.collectLogs(options);
  }

  async #destroy(): Promise<void> {
    this.#channel.close();
    await endTree(this.#pid, this.#folder);
    await this.exited;
    await this.#cgroup?.destroy();
    this.#release();
    this.#guardian.remove(this.#pid);
    await rm(this.#folder, { recursive: true, force: true });
    this.#onDestroyed();
  }

  #watchMemory(pid: number | undefined, { memory, spec, runtime }: ProcessContainerOptions): void {
    if (pid === undefined || !this.running) return;
    const watched = { pid, limitBytes: spec.memoryMB * MB, countsChildren: runtime.countsChildren === true };
    memory.add(watched, () => {
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

  /**
   * Whether it was killed because of its memory, or V8 exhausted its heap: stderr may arrive after the connection
   * broke.
   */
  async #diedOfMemory(): Promise<boolean> {
    const isKnown = (): boolean => this.#outOfMemory || this.#channel.heapExhausted;
    if (!isKnown()) await within(this.#closed, LAST_WORDS_MS, () => undefined);
    return isKnown() || this.#cgroup?.outOfMemory === true;
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
