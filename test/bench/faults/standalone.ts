import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guards } from '../../../deploy/local/RunGuardian.js';
import { freePort } from '../../../deploy/local/ports.js';
import { within } from '../../../shared/process/within.js';
import { unmountAtEnd } from './guard.js';
import { startServerProcess, type ServerProcess } from '../../integration/standalone/serverProcess.js';

/** How large the disk of the trial with a full one is. */
const DISK_MB = 96;
const READY_MS = 60_000;
/** The signals of the trials end the server at once. */
const END_MS = 60_000;
/** How much of its output is told if it ends by itself. */
const LAST_CHARACTERS = 4000;

/** A standalone server on a data folder that outlives it. */
export class StandaloneServer {
  readonly #data: string;
  readonly #mounted: boolean;
  readonly #port: number;
  readonly #endWatch: () => void;
  readonly #guards: Guards | undefined;
  /** Rejects if a server ends by itself. */
  readonly died: Promise<never>;
  #died: (error: Error) => void = () => undefined;
  #server: ServerProcess | undefined;
  /** Whether a signal was sent to it. */
  #ends = false;

  private constructor(data: string, mounted: boolean, port: number, guards: Guards | undefined) {
    this.#data = data;
    this.#mounted = mounted;
    this.#port = port;
    this.#guards = guards;
    this.#endWatch = mounted ? unmountAtEnd(data) : () => undefined;
    this.died = new Promise((_, reject) => (this.#died = reject));
    this.died.catch(() => undefined); // It may end when nobody waits for it.
    process.once('exit', this.#remove);
  }

  /**
   * @param ownDisk the data folder is on a small disk of its own, in memory, for which this process has to be root.
   * @param guards end the server if this process is killed.
   */
  static async create(ownDisk = false, guards?: Guards): Promise<StandaloneServer> {
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-durable-'));
    if (ownDisk) {
      const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`a small disk cannot be mounted: ${stderr}`);
    }
    mkdirSync(join(folder, 'data'));
    return new StandaloneServer(folder, ownDisk, await freePort(), guards);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const args = ['--process', '--port', String(this.#port), '--data', join(this.#data, 'data'), '--log-level', 'warn'];
    const server = startServerProcess(args, { env: { LIMITS_ACTIONS_INVOKES_CONCURRENT: '10000' } });
    this.#server = server;
    this.#guards?.add(server.pid, 'standalone');
    void server.exited().then((code) => {
      this.#guards?.remove(server.pid);
      if (this.#ends) return;
      const words = server.output().slice(-LAST_CHARACTERS);
      this.#died(new Error(`the server ended by itself, with ${code ?? server.endedBy()}:\n${words}`));
    });
    await within(server.ready(), READY_MS, () => {
      throw new Error(`the server is not ready after ${READY_MS / 1000} s:\n${server.output()}`);
    });
  }

  /** Sends signals one after the other, `gapMs` apart, and waits for the end. @throws where it does not end. */
  async end(signals: readonly NodeJS.Signals[], gapMs = 0): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#ends = true;
    for (const [index, signal] of signals.entries()) {
      if (index > 0) await sleep(gapMs);
      server.signal(signal);
    }
    await within(server.exited(), END_MS, () => {
      server.signal('SIGKILL');
      throw new Error(`the server did not end ${END_MS / 1000} s after ${signals.join(', ')}:\n${server.output()}`);
    });
    this.#server = undefined;
    this.#ends = false;
  }

  /** Fills the disk of the data folder. @returns what makes room again. */
  fillDisk(): () => void {
    const file = join(this.#data, 'filler');
    const chunk = Buffer.alloc(64 * 1024);
    try {
      for (;;) writeFileSync(file, chunk, { flag: 'a' });
    } catch {
      // No space is left.
    }
    return () => rmSync(file);
  }

  async close(): Promise<void> {
    await this.end(['SIGKILL']);
    process.off('exit', this.#remove);
    this.#remove();
  }

  readonly #remove = (): void => {
    if (this.#mounted) spawnSync('umount', ['-l', this.#data]);
    rmSync(this.#data, { recursive: true, force: true });
    this.#endWatch();
  };
}

export interface StandaloneTrial {
  readonly name: string;
  /** Needs root, for a small disk. */
  readonly ownDisk?: boolean;
  /** Each round gets a server of its own, since the records of several rounds would fill its disk. */
  readonly freshStage?: boolean;
  /** The bytes of each result; missing: a few. */
  readonly resultBytes?: number;
  readonly fault: (server: StandaloneServer, random: () => number) => Promise<void>;
}

export const STANDALONE: readonly StandaloneTrial[] = [
  {
    name: 'standalone killed',
    fault: async (server) => {
      await server.end(['SIGKILL']);
      await server.start();
    },
  },
  {
    name: 'standalone, second SIGTERM',
    fault: async (server, random) => {
      // Signals that follow each other at once may be one Ctrl-C.
      await server.end(['SIGTERM', 'SIGTERM'], 700 + random() * 300);
      await server.start();
    },
  },
  {
    name: 'standalone, disk full',
    ownDisk: true,
    freshStage: true,
    resultBytes: 100_000,
    fault: async (server, random) => {
      const makeRoom = server.fillDisk();
      await sleep(3000 + random() * 3000);
      makeRoom();
      // The server goes on by itself.
      await sleep(3000);
    },
  },
];
