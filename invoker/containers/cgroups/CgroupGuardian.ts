import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads `quit`. Its input ends when the server ends, for any reason. Then it kills the processes of the remaining groups,
 * and thaws the groups, since in version 1 frozen processes do not die. It ignores signals from a terminal.
 */
const SCRIPT = `
trap '' HUP INT TERM
while read -r line; do [ "$line" = quit ] && exit 0; done
for round in 1 2 3; do
  for file in "$PW_PROCESSES"*/cgroup.procs "$PW_PROCESSES"*/*/cgroup.procs; do
    [ -f "$file" ] && while read -r pid; do kill -KILL "$pid" 2>/dev/null; done < "$file"
  done
  for file in "$PW_FREEZERS"*/freezer.state; do [ -f "$file" ] && echo THAWED > "$file"; done
  for file in "$PW_FREEZERS"*/cgroup.freeze; do [ -f "$file" ] && echo 0 > "$file"; done
done
`;

/** A small process that outlives this one for a moment and ends its remaining containers. */
export class CgroupGuardian {
  readonly #child: ChildProcess;

  /** @param prefixes of the paths of the guarded groups, in the hierarchies of processes and of the freezer. */
  constructor(prefixes: { readonly processes: string; readonly freezers: string }) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'palette-whisk-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], PW_PROCESSES: prefixes.processes, PW_FREEZERS: prefixes.freezers },
    });
    // Without a shell, no guardian runs. The next start ends the containers that are left.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  /** Ends the guardian without killing processes. */
  close(): void {
    this.#child.stdin?.end('quit\n');
  }
}
