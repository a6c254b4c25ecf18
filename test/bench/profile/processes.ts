import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine. */
export interface ProcessTime {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** Processor time since its start, in programs and in the kernel, in µs. */
  readonly us: number;
}

/** The parts of a distributed installation on one machine, and a word of their commands. */
const COMMANDS: readonly (readonly [part: string, word: string])[] = [
  ['broker', 'kafka.Kafka'],
  ["CouchDB's stand-in", 'server.mjs'],
  ['controller', 'controller/main'],
  ['invoker', 'invoker/main'],
];

/**
 * The processor time of each part of an installation in µs: of this process, which sends the load, and of the processes that it
 * started. The processes that an invoker started are its containers.
 */
export function timesOfParts(processes: readonly ProcessTime[], self: number): Map<string, number> {
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const times = new Map<string, number>();
  for (const one of processes) {
    const part = partOf(one, self, byPid);
    if (part !== undefined) times.set(part, (times.get(part) ?? 0) + one.us);
  }
  return times;
}

/** Undefined for a process that `self` did not start. */
function partOf(one: ProcessTime, self: number, byPid: ReadonlyMap<number, ProcessTime>): string | undefined {
  if (one.pid === self) return 'load';
  const own = named(one);
  let inInvoker = false;
  for (let above = byPid.get(one.parent); above; above = byPid.get(above.parent)) {
    if (above.pid === self) return own ?? (inInvoker ? 'containers' : 'others');
    inInvoker ||= named(above) === 'invoker';
  }
  return undefined;
}

const named = ({ command }: ProcessTime): string | undefined =>
  COMMANDS.find(([, word]) => command.includes(word))?.[0];

/** The processes of this machine (Linux). */
export function allProcesses(): ProcessTime[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => readProcess(Number(pid)) ?? []);
}

/** Linux counts in these. */
const TICK_US = 10_000;

/** Undefined if it has ended meanwhile. */
function readProcess(pid: number): ProcessTime | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in front may have any characters, also a parenthesis.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return { pid, parent: Number(fields[1]), command, us: ticks * TICK_US };
  } catch {
    return undefined;
  }
}
