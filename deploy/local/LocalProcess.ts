import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeBriefly } from '../../shared/errors/reasons.js';
import { within } from '../../shared/process/within.js';
import type { Guards } from './RunGuardian.js';

export interface LocalProcessOptions {
  /** The name, such as `controller0`. */
  readonly name: string;
  /** The main file without its extension, relative to the project's root: `controller/main`. */
  readonly main: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly port: number;
  /** The protocol of its server. */
  readonly protocol: 'http' | 'https';
  /** The file to which its output is appended. */
  readonly logFile: string;
  /** Guards the process while it runs. */
  readonly guards?: Guards | undefined;
}

class ProcessStartError extends Error {
  override name = 'ProcessStartError';
}

/** A controller or an invoker as a process on this machine. */
export class LocalProcess {
  readonly name: string;
  /** The URL of its server. */
  readonly url: string;
  readonly #options: LocalProcessOptions;
  #process: ChildProcess | undefined;
  /** Why it did not answer the latest request. */
  #silence: unknown;

  constructor(options: LocalProcessOptions) {
    this.name = options.name;
    this.url = `${options.protocol}://127.0.0.1:${options.port}`;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts the process. Resolves once it answers.
   * @throws ProcessStartError with the end of its log, if it ends first or does not answer within the limit.
   */
  async start(limitMs = START_MS): Promise<void> {
    const { main, args, environment, port, logFile, name, guards } = this.#options;
    // Run sources or compiled files, like this file.
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
    // Kill it at the exit of this process.
    process.once('exit', this.#killNow);
    for (const end = Date.now() + limitMs; !(await this.answers()); await sleep(50)) {
      const ended = started.exitCode !== null || started.signalCode !== null;
      if (!ended && Date.now() < end) continue;
      await this.kill();
      const how = ended
        ? 'ended at its start'
        : `did not answer within ${limitMs / 1000} s (${describeBriefly(this.#silence)})`;
      throw new ProcessStartError(`${name} ${how}:\n${readFileSync(logFile, 'utf8').slice(-3000)}`);
    }
  }

  /** The last line of its log; empty without a line. */
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
      // A frozen process accepts connections but does not answer.
      const response = await fetch(`${this.url}/ping`, { signal: AbortSignal.timeout(ANSWER_MS) });
      await response.arrayBuffer();
      this.#silence = `it responded with status ${response.status}`;
      return response.ok;
    } catch (error) {
      this.#silence = error;
      return false;
    }
  }

  /** Sends it a signal, such as SIGSTOP, which freezes it. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Kills the process, like `kill -9`. */
  kill(): Promise<number | null> {
    return this.#end('SIGKILL', KILL_MS);
  }

  /** Stops the process gracefully, and kills it after the limit. Resolves to its exit code; null if it was killed. */
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
      // A frozen process handles the signal only after SIGCONT.
      running.kill('SIGCONT');
      await within(ended, limitMs, () => {
        running.kill('SIGKILL');
        return within(ended, KILL_MS, () => undefined);
      });
    }
    return running.exitCode;
  }
}

/** The limit for a start, for busy machines. A process that ends during its start is noticed at once. */
export const START_MS = 180_000;
const ANSWER_MS = 2000;
/** The limit for a stop: more than the limits of controllers (90 s) and invokers (150 s by default). */
export const STOP_MS = 160_000;
/** The limit for a kill. The kernel ends a killed process at once, unless its disk hangs. */
const KILL_MS = 10_000;

/** The arguments of the images in `deploy/docker`: V8's default young generation of 3 x 16 MB is too large for them. */
const NODE_ARGUMENTS = ['--max-semi-space-size=4'];
