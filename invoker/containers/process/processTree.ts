import { readdir, readFile } from 'node:fs/promises';

/**
 * The most rounds of killing. A process may start children meanwhile, but it is killed itself, so a few rounds are
 * enough.
 */
const ROUNDS = 5;

/**
 * Kills a process group and the processes that its members started outside of the group: descendants, and processes
 * with `folder` as the value of an environment variable. Without `/proc` it kills only the group. It does not find a
 * process that left the group, lost its parents and cleared its environment.
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

/** Kills a process and its group, even if they are paused. */
export function endGroup(pid: number): void {
  end(-pid);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

/** The process ids of all descendants of `pid`. @param parents the parent of each process. */
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

/** The parent of a process, from `/proc/PID/stat`. The name in parentheses may contain any character. */
export function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** The parent of each process of this machine; empty without `/proc`. */
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
  // Skip a process that has ended or belongs to another user.
  await Promise.all(pids.map((pid) => look(pid).catch(() => undefined)));
}
