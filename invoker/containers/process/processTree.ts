import { readdir, readFile } from 'node:fs/promises';

/** A process can start children faster than they are ended, but not for ever: its own end comes first. */
const ROUNDS = 5;

/**
 * Ends a process group, and what its members started outside of the group: descendants, and processes that have `folder`
 * as the value of an environment variable. On systems without `/proc` it ends the group alone. A process that left the group, lost its parents and
 * cleared its environment is not found.
 *
 * @param pid the leader of the group.
 * @param folder the path of the group's own folder.
 */
export async function endTree(pid: number, folder: string): Promise<void> {
  const before = descendants(pid, await processes());
  endGroup(pid);
  for (const member of before) end(member);
  for (let round = 0; round < ROUNDS; round += 1) {
    const left = await withVariable(folder);
    if (left.length === 0) return;
    for (const member of left) end(member);
  }
}

/** Ends a process and all that it started in its group, whether stopped or not. */
export function endGroup(pid: number): void {
  end(-pid);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** The process ids of all descendants of `pid`, given the parent of each process. */
export function descendants(pid: number, parents: ReadonlyMap<number, number>): number[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of parents) {
    const siblings = children.get(parent);
    if (siblings) siblings.push(child);
    else children.set(parent, [child]);
  }
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const own = children.get(next) ?? [];
    found.push(...own);
    open.push(...own);
  }
  return found;
}

/** The parent of a process, from the text of its `/proc/PID/stat`: the name, in parentheses, may hold any character. */
export function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** The parent of each process of this machine; empty where the system does not tell. */
async function processes(): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  await eachProcess(async (pid) => {
    parents.set(pid, parentOf(await readFile(`/proc/${pid}/stat`, 'latin1')));
  });
  return parents;
}

async function withVariable(value: string): Promise<number[]> {
  const text = Buffer.from(`=${value}\0`);
  const found: number[] = [];
  await eachProcess(async (pid) => {
    if (pid !== process.pid && (await readFile(`/proc/${pid}/environ`)).includes(text)) found.push(pid);
  });
  return found;
}

async function eachProcess(look: (pid: number) => Promise<void>): Promise<void> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  // A process that has ended meanwhile, or that belongs to another user, cannot be read.
  await Promise.all(pids.map((pid) => look(pid).catch(() => undefined)));
}
