import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../deploy/local/ports.js';
import { startServerProcess, type ServerProcess } from '../../integration/standalone/serverProcess.js';

/** How large the disk of the trial with a full one is. */
const DISK_MB = 96;
const READY_MS = 60_000;

/** A standalone server on a data folder that outlives it. */
export class StandaloneServer {
  readonly #data: string;
  readonly #mounted: boolean;
  readonly #port: number;
  #server: ServerProcess | undefined;

  private constructor(data: string, mounted: boolean, port: number) {
    this.#data = data;
    this.#mounted = mounted;
    this.#port = port;
    process.once('exit', this.#remove);
  }

  /** @param ownDisk the data folder is on a small disk of its own, in memory, for which this process has to be root. */
  static async create(ownDisk = false): Promise<StandaloneServer> {
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-durable-'));
    if (ownDisk) {
      const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`a small disk cannot be mounted: ${stderr}`);
    }
    mkdirSync(join(folder, 'data'));
    return new StandaloneServer(folder, ownDisk, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const args = ['--process', '--port', String(this.#port), '--data', join(this.#data, 'data'), '--log-level', 'warn'];
    this.#server = startServerProcess(args, { env: { LIMITS_ACTIONS_INVOKES_CONCURRENT: '10000' } });
    const late = sleep(READY_MS, undefined, { ref: false }).then(() => {
      throw new Error(`the server is not ready after ${READY_MS / 1000} s:\n${this.#server?.output()}`);
    });
    await Promise.race([this.#server.ready(), late]);
  }

  /** Sends signals one after the other, `gapMs` apart, and waits for the end. */
  async end(signals: readonly NodeJS.Signals[], gapMs = 0): Promise<void> {
    const server = this.#server;
    if (!server) return;
    for (const [index, signal] of signals.entries()) {
      if (index > 0) await sleep(gapMs);
      server.signal(signal);
    }
    await server.exited();
    this.#server = undefined;
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
