import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

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

  /** Starts it, and resolves once it answers. @throws Error with the end of its log where it ends before. */
  async start(limitMs = START_MS): Promise<void> {
    const { main, args, environment, port, logFile, name } = this.#options;
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
    // Whoever started it and dies must not leave it behind.
    process.once('exit', this.#killNow);
    for (const end = Date.now() + limitMs; !(await this.answers()); await sleep(50)) {
      if (started.exitCode === null && started.signalCode === null && Date.now() < end) continue;
      await this.kill();
      throw new Error(`${name} does not start:\n${readFileSync(logFile, 'utf8').slice(-3000)}`);
    }
  }

  /** Whether it answers requests. */
  async answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/ping`);
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
    return this.#end('SIGKILL');
  }

  /** In order: it lets what runs finish. Resolves to its exit code. */
  stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const running = this.#process;
    this.#process = undefined;
    process.off('exit', this.#killNow);
    if (!running) return null;
    if (running.exitCode === null && running.signalCode === null) {
      const ended = once(running, 'exit');
      running.kill(signal);
      await ended;
    }
    return running.exitCode;
  }
}

const START_MS = 60_000;

/** As the images of `deploy/docker` start them: V8's young generation of 3 x 16 MB is more than these processes are worth. */
const NODE_ARGUMENTS = ['--max-semi-space-size=4'];
