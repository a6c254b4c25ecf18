import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programArguments } from '../programs.js';

/** A server to be tested: one that runs already (`BASE_URL`), or a fresh one. */
export interface TestServer {
  readonly base: string;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 240_000;
const READY = /ready at (http:\/\/\S+)/;

/**
 * Starts a standalone server of its own on a free port, its data in a new folder that goes with it.
 * @param settings of the environment.
 */
export async function testServer(
  options: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const given = process.env['BASE_URL'];
  if (given) return { base: given.replace(/\/$/, ''), stop: () => Promise.resolve() };
  const data = await mkdtemp(join(tmpdir(), 'palette-whisk-conformance-'));
  const args = [...programArguments('standalone'), '--port', '0', '--data', data, ...options];
  const env = { ...process.env, ...settings };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const output: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  try {
    const base = await readyAddress(child, output);
    return {
      base,
      async stop() {
        await ended(child);
        await rm(data, { recursive: true, force: true });
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    await rm(data, { recursive: true, force: true });
    throw error;
  }
}

function readyAddress(child: ChildProcess, output: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the server ${why}:\n${output.join('')}`));
    const timer = setTimeout(() => fail('did not start in time'), START_LIMIT_MS);
    child.once('exit', (code) => {
      clearTimeout(timer);
      fail(`ended with code ${code} before it was ready`);
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      output.push(chunk.toString());
      const url = READY.exec(output.join(''))?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
      // What it prints from now on is of no interest, and must not pile up.
      output.length = 0;
      child.stdout?.removeAllListeners('data').resume();
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
