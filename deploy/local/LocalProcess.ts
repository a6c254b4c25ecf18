import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { within } from '../../shared/process/within.js';
import type { Guards } from './RunGuardian.js';

export interface LocalProcessOptions {
  /** Such as `controller0`. */
  readonly name: string;
  /** The main file without its ending, from the project's root: `controller/main`. */
  readonly main: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly port: number;
  /** How it speaks. */
  readonly protocol: 'http' | 'https';
  /** What it prints is appended there. */
  readonly logFile: string;
  /** Is told of the process as long as it runs. */
  readonly guards?: Guards | undefined;
}

class ProcessStartError extends Error {
  override name = 'ProcessStartError';
}

/** A controller or an invoker as a process of its own on this machine. */
export class LocalProcess {
  readonly name: string;
  /** Where it answers. */
  readonly url: string;
  readonly #options: LocalProcessOptions;
  #process: ChildProcess | undefined;

  constructor(options: LocalProcessOptions) {
    this.name = options.name;
    this.url = `${options.protocol}://127.0.0.1:${options.port}`;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts it, and resolves once it answers.
   * @throws ProcessStartError with the end of its log where it ends before, or does not answer within the limit.
   */
  async start(limitMs = START_MS): Promise<void> {
    const { main, args, environment, port, logFile, name, guards } = this.#options;
    // From sources, or compiled: as this file is.
    const source = import.meta.url.endsWith('.ts');
    const file = fileURLToPath(new URL(`../../${main}.${source ? 'ts' : 'js'}`, import.meta.url));
    const output = openSync(logFile, 'a');
    const node = [...NODE_ARGUMENTS, ...(source ? ['--import', 'tsx'] : [])];
    const started = spawn(process.execPath, [...node, file, ...args], {
      env: { ...process.env, ...environment, PORT: String(port), HOST: '127.0.0.1' },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#process = started;
    const { pid } = started;
    if (pid !== undefined && guards) {
      guards.add(pid, name);
      started.once('exit', () => guards.remove(pid));
    }
    // Whoever started it and dies must not leave it behind.
    process.once('exit', this.#killNow);
    for (const end = Date.now() + limitMs; !(await this.answers()); await sleep(50)) {
      const ended = started.exitCode !== null || started.signalCode !== null;
      if (!ended && Date.now() < end) continue;
      await this.kill();
      const how = ended ? 'ended at its start' : `did not answer within ${limitMs / 1000} s`;
      throw new ProcessStartError(`${name} ${how}:\n${readFileSync(logFile, 'utf8').slice(-3000)}`);
    }
  }

  /** The last line of its log; empty where there is none. */
  lastLine(): string {
    try {
      return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    } catch {
      return '';
    }
  }

  /** Whether it answers requests. */
  async answers(): Promise<boolean> {
    try {
      // A frozen process takes connections, and does not answer.
      const response = await fetch(`${this.url}/ping`, { signal: AbortSignal.timeout(ANSWER_MS) });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  /** Sends it a signal, such as SIGSTOP, which freezes it. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** As `kill -9` does. */
  kill(): Promise<number | null> {
    return this.#end('SIGKILL', KILL_MS);
  }

  /** In order: it lets what runs finish. After the limit it is killed. Resolves to its exit code; null: it was killed. */
  stop(limitMs = STOP_MS): Promise<number | null> {
    return this.#end('SIGTERM', limitMs);
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };

  async #end(signal: 'SIGKILL' | 'SIGTERM', limitMs: number): Promise<number | null> {
    const running = this.#process;
    this.#process = undefined;
    process.off('exit', this.#killNow);
    if (!running) return null;
    if (running.exitCode === null && running.signalCode === null) {
      const ended = once(running, 'exit');
      running.kill(signal);
      // A frozen process gets its signal once it goes on.
      running.kill('SIGCONT');
      await within(ended, limitMs, () => {
        running.kill('SIGKILL');
        return within(ended, KILL_MS, () => undefined);
      });
    }
    return running.exitCode;
  }
}

/** A busy machine may take long; a process that ends at its start is seen at once. */
export const START_MS = 180_000;
const ANSWER_MS = 2000;
/** More than controllers (90 s) and invokers (150 s with the defaults) take for their own. */
export const STOP_MS = 160_000;
/** The kernel ends a killed process at once, unless its disk is stuck. */
const KILL_MS = 10_000;

/** As the images of `deploy/docker` start them: V8's young generation of 3 x 16 MB is more than these processes are worth. */
const NODE_ARGUMENTS = ['--max-semi-space-size=4'];
