import { readdirSync, readFileSync } from 'node:fs';

/** The time of a tick of `/proc/PID/stat`, in ms: 100 a second on all machines that Node.js runs on. */
const TICK_MS = 10;

/** Processor time since the start of the processes, in ms. */
export interface ProcessorTime {
  /** Of the children of this process. */
  readonly server: number;
  /** Of the processes below these, with those that have ended. */
  readonly containers: number;
}

/** The processor time of the server that this process has started, and of the server's containers, on Linux. */
export function processorTime(): ProcessorTime {
  const found = new Map<number, { readonly parent: number; readonly ms: number; readonly endedMs: number }>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(name);
    // The name of the program is in parentheses, and may contain any of them.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 15) continue;
    found.set(Number(name), {
      parent: Number(fields[1]),
      ms: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
      // Of its children that have ended.
      endedMs: (Number(fields[13]) + Number(fields[14])) * TICK_MS,
    });
  }
  const depth = (pid: number | undefined): number => {
    if (pid === process.pid) return 0;
    const above = pid === undefined || pid <= 1 ? undefined : found.get(pid);
    return above ? depth(above.parent) + 1 : -Infinity;
  };
  let [server, containers] = [0, 0];
  for (const [pid, { ms, endedMs }] of found) {
    const level = depth(pid);
    if (level < 1) continue;
    containers += endedMs;
    if (level === 1) server += ms;
    else containers += ms;
  }
  return { server, containers };
}

/** Empty for a process that has ended. */
function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}
