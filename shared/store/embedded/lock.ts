import { closeSync, openSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../ArtifactStore.js';
import { codeOf } from '../../errors/reasons.js';

/** The lock of a folder, held until its release or the end of the process. */
export interface FolderLock {
  /** Whether the process that had the lock before ended without its release: it was killed, or crashed. */
  readonly abandoned: boolean;
  release(): Promise<void>;
}

const FILE = 'in-use.sock';
/** Longer than another process needs from finding a stale lock to removing it, in ms. */
const TAKEOVER_CHECK_MS = 100;

/**
 * Locks a folder against other processes with a listening Unix socket in it. The operating system releases the lock at
 * the end of the process in any case. Unlike process ids, it works between containers that share a volume.
 *
 * @throws StoreError if another process has the folder, with that process's id if it answers.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const { path, done } = reachable(join(folder, FILE), folder);
  try {
    return await lockAt(path, folder);
  } finally {
    done();
  }
}

/** The id of the process that has locked a folder; '' if it does not answer, undefined if none has. */
export async function userOf(folder: string): Promise<string | undefined> {
  const { path, done } = reachable(join(folder, FILE), folder);
  try {
    return await askOwner(path);
  } finally {
    done();
  }
}

async function lockAt(path: string, folder: string): Promise<FolderLock> {
  const server = createServer((socket) => socket.on('error', () => {}).end(String(process.pid)));
  if (await listen(server, path)) return held(server, false);

  const owner = await askOwner(path);
  if (owner !== undefined) throw inUse(folder, owner);
  // The socket is from a killed process. Two successors may find it at once: the one whose socket remains has the
  // folder.
  unlinkIfThere(path);
  if (!(await listen(server, path))) throw inUse(folder, '');
  const mine = statSync(path).ino;
  await sleep(TAKEOVER_CHECK_MS);
  if (inodeOf(path) === mine) return held(server, true);
  // Do not close the server: that would remove the winner's socket at the same path. Only unreference it.
  server.unref();
  throw inUse(folder, '');
}

/** A usable path of a Unix socket, which is limited to 107 bytes. On Linux a longer path works through a descriptor. */
function reachable(path: string, folder: string): { path: string; done: () => void } {
  if (Buffer.byteLength(path) <= 100 || process.platform !== 'linux') return { path, done: () => {} };
  const descriptor = openSync(folder, 'r');
  return { path: `/proc/self/fd/${descriptor}/${FILE}`, done: () => closeSync(descriptor) };
}

const inUse = (folder: string, pid: string): StoreError =>
  new StoreError(`the data folder ${folder} is in use by another server${pid && ` (process ${pid})`}`);

function held(server: Server, abandoned: boolean): FolderLock {
  server.unref();
  return { abandoned, release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Resolves to false if the path exists. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.removeListener('listening', listening);
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new StoreError(`cannot lock the data folder: ${error.message}`));
    };
    const listening = (): void => {
      server.removeListener('error', failed);
      resolve(true);
    };
    server.once('error', failed).once('listening', listening).listen(path);
  });
}

/** The id of the process that listens at `path`; '' if it does not answer, undefined if no process listens. */
function askOwner(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let pid = '';
    const socket = connect(path);
    socket.setTimeout(1000, () => {
      socket.destroy();
      resolve(pid);
    });
    socket.on('data', (chunk) => (pid += chunk.toString()));
    socket.on('end', () => resolve(pid));
    socket.on('error', () => resolve(undefined));
  });
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
