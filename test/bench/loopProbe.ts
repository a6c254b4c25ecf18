/*
 * Loaded into a server (`node --import`), it measures how long the main thread works between two turns of its event loop.
 *
 * To each message of its parent it answers a `LoopReport` of the time since the message before.
 * The kernel accounts for the thread in `/proc/self/task/TID/schedstat`: ns on a processor, ns of waiting for one.
 */
import { openSync, readSync } from 'node:fs';

/** Each is the largest of all turns, in ms. */
export interface LoopReport {
  /** Processor time of one turn. */
  readonly workMs: number;
  /** How long the thread waited for a processor in one turn. */
  readonly waitMs: number;
}

const INTERVAL_MS = 2;

const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const content = Buffer.alloc(128);

function account(): LoopReport {
  const length = readSync(file, content, 0, content.length, 0);
  const [work = 0, wait = 0] = content.toString('latin1', 0, length).split(' ').map(Number);
  return { workMs: work / 1e6, waitMs: wait / 1e6 };
}

let last = account();
let most: LoopReport = { workMs: 0, waitMs: 0 };

setInterval(() => {
  const now = account();
  most = {
    workMs: Math.max(most.workMs, now.workMs - last.workMs),
    waitMs: Math.max(most.waitMs, now.waitMs - last.waitMs),
  };
  last = now;
}, INTERVAL_MS).unref();

process.on('message', () => {
  process.send?.(most);
  most = { workMs: 0, waitMs: 0 };
});
process.channel?.unref();
