import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { programArguments } from '../../programs.js';

/** A standalone server as a user starts it: a process, its output, its end. */
export interface ServerProcess {
  readonly pid: number;
  /** What it has printed so far, on both streams. */
  output(): string;
  /** Resolves to the address of the API once it says so. @throws where it ends before. */
  ready(): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves to its exit code. */
  exited(): Promise<number | null>;
  /** The signal that ended it. */
  endedBy(): NodeJS.Signals | null;
}

export interface ServerProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Run it as this user. */
  readonly uid?: number;
}

/** Starts the standalone server: see {@link programArguments}. */
export function startServerProcess(args: readonly string[], options: ServerProcessOptions = {}): ServerProcess {
  const child = spawn(process.execPath, [...programArguments('standalone'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let output = '';
  const onData = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  // A test process that dies must not leave it behind.
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const exit = once(child, 'exit').then(([code]) => {
    process.off('exit', killNow);
    return code as number | null;
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ready: async () => {
      for (;;) {
        const url = /ready at (http:\/\/\S+)/.exec(output)?.[1];
        if (url !== undefined) return url;
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}:\n${output}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    signal: (signal) => void child.kill(signal),
    exited: () => exit,
    endedBy: () => child.signalCode,
  };
}
