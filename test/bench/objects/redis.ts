import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { freePort } from '../../../deploy/local/ports.js';

export interface Redis {
  readonly port: number;
  stop(): Promise<void>;
}

const START_MS = 10_000;

/** Starts a Redis that writes nothing to the disk; undefined if it is not installed. */
export async function startRedis(folder: string): Promise<Redis | undefined> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const missing = once(child, 'error').then(() => true);
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline) {
    const client = new RedisClient(port);
    const found = await Promise.race([client.ready, missing.then(() => 'missing' as const)]);
    client.close();
    if (found === 'missing') return undefined;
    if (found) {
      const stop = async (): Promise<void> => {
        child.kill();
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      };
      return { port, stop };
    }
  }
  child.kill();
  throw new Error('redis-server does not listen');
}

/** The reply of a command: bytes, a number, or nothing. Arrays are not parsed, but end with their last bulk string. */
export type Reply = Buffer | number | undefined;

/** A client for one connection, with commands in their order. */
export class RedisClient {
  readonly ready: Promise<boolean>;
  readonly #socket: Socket;
  readonly #pending: { readonly bulks: number; readonly resolve: (reply: Reply) => void }[] = [];
  #bulks = 0;
  #bulk: { readonly buffer: Buffer; filled: number } | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.ready = new Promise((resolve) => {
      this.#socket.once('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    this.#socket.on('data', (chunk) => this.#take(chunk));
  }

  /** @param bulks the number of bulk strings in the reply. */
  send(parts: readonly (string | Buffer)[], bulks = 1): Promise<Reply> {
    return new Promise((resolve) => {
      this.#pending.push({ bulks, resolve });
      this.#socket.cork();
      this.#socket.write(`*${parts.length}\r\n`);
      for (const part of parts) {
        this.#socket.write(`$${Buffer.byteLength(part)}\r\n`);
        this.#socket.write(part);
        this.#socket.write('\r\n');
      }
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#bulk) {
      const bulk = this.#bulk;
      const copied = chunk.copy(bulk.buffer, bulk.filled);
      bulk.filled += copied;
      if (bulk.filled < bulk.buffer.length) return;
      this.#bulk = undefined;
      // Without the line end.
      this.#end(bulk.buffer.subarray(0, -2));
      if (copied < chunk.length) this.#take(chunk.subarray(copied));
      return;
    }
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = data.indexOf('\r\n');
    if (end < 0) {
      this.#rest = data;
      return;
    }
    this.#rest = Buffer.alloc(0);
    const line = data.toString('latin1', 1, end);
    const [kind] = data;
    const after = data.subarray(end + 2);
    if (kind === '$'.charCodeAt(0) && line !== '-1') {
      this.#bulk = { buffer: Buffer.allocUnsafe(Number(line) + 2), filled: 0 };
    } else if (kind !== '*'.charCodeAt(0)) {
      this.#end(kind === ':'.charCodeAt(0) ? Number(line) : undefined, true);
    }
    if (after.length > 0) this.#take(after);
  }

  #end(reply: Reply, whole = false): void {
    const [first] = this.#pending;
    if (!first) return;
    this.#bulks++;
    if (!whole && this.#bulks < first.bulks) return;
    this.#bulks = 0;
    this.#pending.shift();
    first.resolve(reply);
  }
}
