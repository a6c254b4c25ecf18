import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../shared/errors/reasons.js';
import { within } from '../../../shared/process/within.js';
import type { Cgroup } from '../cgroups/Cgroup.js';
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
import { PROXY_PORT } from '../inContainer.js';
import { RuntimeChannel } from '../channel/RuntimeChannel.js';
import { sharedAttempt } from '../sharedAttempt.js';
import type { Bundle } from './Bundle.js';
import type { OciProgram } from './detect.js';

export interface OciContainerOptions {
  readonly spec: ContainerSpec;
  /** The name for the runtime. */
  readonly name: string;
  readonly program: OciProgram;
  /** The folder of the runtime's state. */
  readonly state: string;
  /** See `Bundle.ts`. */
  readonly bundle: Bundle;
  /** The folder of the image's files. */
  readonly image: string;
  readonly cgroup: Cgroup;
  readonly address: string;
  /** The path of its network namespace. */
  readonly networkPath: string;
  /** Called after the processes have ended, to remove the rest. */
  readonly remove: () => Promise<void>;
  /** The longest wait for the runtime to start the container, in ms; missing: 30 s. */
  readonly startMs?: number | undefined;
}

const START_MS = 30_000;
/** The longest wait for the last output, in ms. */
const LAST_WORDS_MS = 200;
/** The longest wait after a broken connection until the end of the container is seen, in ms. */
const END_MS = 500;
const PID_FILE = 'pid';
/** The runtime creates it when it begins, and writes its errors into it. */
const LOG_FILE = 'log';
/** The code with which a preparation ends that failed. Programs in containers may end with it, too. */
const UNPREPARED = 125;
const MAX_SAID = 500;

/**
 * Mounts what the container needs in a mount namespace of its own, which ends with the container, and becomes the runtime:
 * the overlay, and for a container with a user namespace (`$4`: the path of its network) what it may not mount itself.
 * `$1` is the folder of the image, `$2` the bundle, `$3` where the container reaches it, `$5` the shared folder or ''.
 */
const SCRIPT = (prepare: string): string => `
[ "$2" = "$3" ] || mount --bind "$2" "$3" || exit 125
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/own/upper,workdir=$2/own/work" "$3/rootfs" || exit 125
[ -z "$4" ] || nsenter "--net=$4" mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$3/sys" || exit 125
[ -z "$5" ] || mount --bind "$5" "$3/shared" || exit 125
${prepare}
# runc takes the name of its folder from PWD.
cd "$3" || exit 125
shift 5
exec "$@"
`;

/**
 * How each runtime leaves control groups alone: the container is in its group before the runtime starts. crun refuses
 * hybrid control groups, so those of version 2 are unmounted where version 1 is in use. runc has no option for this, but a
 * runc without rights goes on where it may not write control groups.
 */
const RUNTIMES: Readonly<Record<OciProgram, { readonly prepare: string; readonly option: string }>> = {
  crun: { prepare: 'umount /sys/fs/cgroup/unified 2>/dev/null', option: '--cgroup-manager=disabled' },
  runc: {
    prepare: `while read -r _ path type _; do
  case "$type" in cgroup*) mount -o remount,bind,ro "$path" || exit 125 ;; esac
done < /proc/self/mounts`,
    option: '--rootless=true',
  },
};

/** A container that an OCI runtime has started from a bundle. Its logs come by pipes. */
export class OciContainer implements Container {
  readonly id: string;
  readonly exited: Promise<void>;
  readonly released: Promise<void>;
  readonly #options: OciContainerOptions;
  readonly #child: ChildProcess;
  readonly #channel: RuntimeChannel;
  readonly #closed: Promise<void>;
  readonly destroy = sharedAttempt(() => this.#destroy());
  readonly #ended = new AbortController();
  #outOfMemory = false;
  /** The end of what was written to stderr until the container was made: then it comes from the programs that prepare it. */
  #said: string | undefined = '';
  #release: () => void = () => undefined;

  /** @throws ContainerStartError. The caller must remove the rest then. */
  static async start(options: OciContainerOptions): Promise<OciContainer> {
    const { program, state, image, name, cgroup, spec, networkPath } = options;
    const bundle = options.bundle.folder;
    const { reached, isMapped } = options.bundle;
    const mapped = isMapped ? [networkPath, spec.sharedFolder ?? ''] : ['', ''];
    const { prepare, option } = RUNTIMES[program];
    const script = SCRIPT(prepare);
    const runtime = [program, '--root', state, '--log', join(bundle, LOG_FILE), option];
    const run = ['run', '--bundle', reached, '--pid-file', join(bundle, PID_FILE), name];
    const prepared = ['/bin/sh', '-c', script, 'sh', image, bundle, reached, ...mapped];
    const command = cgroup.joined({
      program: 'unshare',
      args: ['--mount', '--propagation', 'private', ...prepared, ...runtime, ...run],
    });
    const child = spawn(command.program, command.args, {
      cwd: bundle,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    });
    if (child.pid === undefined) {
      const failed: readonly unknown[] = await once(child, 'error');
      throw new ContainerStartError(`cannot start ${program}: ${messageOf(failed[0])}`, { cause: failed[0] });
    }
    const container = new OciContainer(child, options);
    await container.#started();
    return container;
  }

  private constructor(child: ChildProcess, options: OciContainerOptions) {
    this.id = options.name;
    this.#options = options;
    this.#child = child;
    this.#channel = new RuntimeChannel({
      address: { host: options.address, port: PROXY_PORT },
      concurrency: options.spec.concurrency,
      diedOfMemory: () => this.#diedOfMemory(),
    });
    this.released = new Promise((resolve) => (this.#release = resolve));
    this.exited = new Promise((resolve) =>
      child.once('exit', () => {
        this.#ended.abort();
        resolve();
      }),
    );
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.#closed = this.exited.then(() => within(closed, LAST_WORDS_MS, () => undefined));
    void this.#closed.then(() => this.#channel.endLogs());
    // The connections break by themselves. This stops further attempts to connect.
    void this.exited.then(() => setTimeout(() => this.#channel.close(), END_MS).unref());
    child.on('error', () => undefined);
    child.stdout?.on('data', (chunk: Buffer) => this.#channel.write('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => {
      if (this.#said !== undefined) this.#said = `${this.#said}${chunk.toString()}`.slice(-MAX_SAID);
      this.#channel.write('stderr', chunk);
    });
  }

  get signsLogs(): boolean {
    return this.#channel.signsLogs;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    if (!this.running) throw new ContainerConnectionError('refused', 'the container has ended');
    return this.#channel.post(path, body, options);
  }

  async pause(): Promise<void> {
    this.#channel.disconnect();
    this.#options.cgroup.freeze();
  }

  async resume(): Promise<void> {
    this.#options.cgroup.thaw();
  }

  collectLogs(options: LogOptions): Promise<CollectedLogs> {
    return this.#channel.collectLogs(options);
  }

  async #destroy(): Promise<void> {
    this.#channel.close();
    this.#outOfMemory ||= this.#options.cgroup.outOfMemory;
    await this.#options.cgroup.destroy();
    await this.exited;
    this.#release();
    await this.#options.remove();
  }

  /** Resolves when the runtime has made the container. @throws ContainerStartError if it ends before. */
  async #started(): Promise<void> {
    const { spec, startMs = START_MS } = this.#options;
    const bundle = this.#options.bundle.folder;
    // The runtime creates the file before it writes it.
    const isThere = (): boolean => (statSync(join(bundle, PID_FILE), { throwIfNoEntry: false })?.size ?? 0) > 0;
    const made = new Promise<void>((resolve) => {
      const watcher = watch(bundle, { signal: this.#ended.signal, persistent: false }, () => {
        if (!isThere()) return;
        watcher.close();
        resolve();
      });
      watcher.on('error', () => undefined);
      // It may have come before the watcher.
      if (isThere()) resolve();
    });
    await within(Promise.race([made, this.exited]), startMs, () => {
      throw new ContainerStartError(`the runtime did not start ${spec.name} within ${startMs / 1000} s`);
    });
    if (this.running) {
      this.#said = undefined;
      return;
    }
    await this.#closed;
    throw this.#startFault(this.#child.exitCode);
  }

  /** Why it ended at its start: the words of the runtime, or else those of the programs before it. */
  #startFault(code: number | null): ContainerStartError {
    const said = this.#said?.trim() || 'no program said why';
    const log = join(this.#options.bundle.folder, LOG_FILE);
    if (code === UNPREPARED && !existsSync(log)) {
      return new ContainerStartError(`cannot prepare the files of ${this.#options.spec.name}: ${said}`);
    }
    const logged = textOf(log).trim().slice(-MAX_SAID);
    return new ContainerStartError(`The container ended at once, with code ${code}: ${logged || said}`, {
      endedAtOnce: true,
    });
  }

  /** Whether the kernel killed it because of its memory, or V8 exhausted its heap (seen on stderr). */
  async #diedOfMemory(): Promise<boolean> {
    await within(this.#closed, END_MS, () => undefined);
    return this.#channel.heapExhausted || this.#outOfMemory || this.#options.cgroup.outOfMemory;
  }
}

/** The text of a file; '' if it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
