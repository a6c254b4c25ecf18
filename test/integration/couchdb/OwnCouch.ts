import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CouchOptions } from '../../../shared/store/couchdb/open.js';
import { within } from '../../../shared/process/within.js';
import type { Couch } from './couch.js';

/** A program that serves CouchDB's protocol. */
export interface CouchProgram {
  /** `name:password` of its administrator; it has none where this is missing. */
  readonly credentials?: string;
  /** Starts it on a port of 127.0.0.1, its data in `folder`. */
  start(folder: string, port: number): ChildProcess;
  answers(port: number): Promise<boolean>;
}

const START_MS = 120_000;
/** The kernel ends a killed process at once, unless its disk hangs. */
const KILL_MS = 60_000;
/** A test that reads what it wrote waits for it, also where the machine is busy. */
const LIST_WAIT_MS = 240_000;

/** A CouchDB that did not come up: the fault of the machine or of CouchDB, and not of the tested program. */
export class CouchStartError extends Error {
  override name = 'CouchStartError';
}

/** A CouchDB of a test's own, which can fail. */
export class OwnCouch implements Couch {
  readonly url: string;
  readonly #program: CouchProgram;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'couchdb-'));
  #process: ChildProcess | undefined;

  constructor(program: CouchProgram, port: number) {
    const { credentials } = program;
    this.#program = program;
    this.#port = port;
    this.url = `http://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${port}`;
  }

  options(prefix?: string): CouchOptions {
    return optionsOf(this.url, prefix);
  }

  /** Starts it, or after `kill` again on the same port with the same data. */
  async start(): Promise<void> {
    const started = this.#program.start(this.#folder, this.#port);
    this.#process = started;
    // A test process that dies must not leave it behind.
    process.once('exit', this.#killNow);
    for (const end = Date.now() + START_MS; !(await this.#program.answers(this.#port)); await sleep(20)) {
      if (started.exitCode !== null) throw new CouchStartError('the CouchDB server for tests ended at its start');
      if (Date.now() > end) {
        await this.kill();
        throw new CouchStartError(`the CouchDB server for tests does not answer after ${START_MS / 1000} s`);
      }
    }
  }

  /** Ends it at once, as `kill -9` does; what it wrote stays. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    process.off('exit', this.#killNow);
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await within(ended, KILL_MS, () => {
      throw new CouchStartError(`the CouchDB server for tests runs ${KILL_MS / 1000} s after SIGKILL`);
    });
  }

  /** Sends it a signal, such as SIGSTOP, which freezes it. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };
}

export function optionsOf(url: string, prefix = `test_${randomUUID()}_`): CouchOptions {
  const { origin, username, password } = new URL(url);
  const credentials =
    username === '' ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const databases = { whisks: `${prefix}whisks`, activations: `${prefix}activations`, subjects: `${prefix}subjects` };
  return { url: origin, ...credentials, databases, listWaitMs: LIST_WAIT_MS };
}
