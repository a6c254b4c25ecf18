import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads `+PID`, `-PID` and `quit` lines. Its input ends when the server ends, however that happens. Then it ends the groups
 * that are left and the processes that have the prefix in their environment. Their folders are left to the next start.
 * Signals that a terminal sends to the server do not reach it.
 */
const SCRIPT = `
trap '' HUP INT TERM
while read -r line; do
  case "$line" in
    +*) set -- "$@" "\${line#+}" ;;
    -*) gone="\${line#-}"; n=$#
        while [ "$n" -gt 0 ]; do pid="$1"; shift; [ "$pid" = "$gone" ] || set -- "$@" "$pid"; n=$((n - 1)); done ;;
    quit) exit 0 ;;
  esac
done
for pid in "$@"; do kill -KILL "-$pid" 2>/dev/null; done
for round in 1 2 3; do
  for file in $(grep -laF -- "$PW_PREFIX" /proc/[0-9]*/environ 2>/dev/null); do
    pid="\${file#/proc/}"; pid="\${pid%/environ}"
    [ "$pid" = "$$" ] || kill -KILL "$pid" 2>/dev/null
  done
done
`;

/**
 * A small process that outlives this one for a moment, and ends the action processes that it leaves behind. A stopped
 * process cannot notice that its parent has ended, so it cannot end itself.
 */
export class Guardian {
  readonly #child: ChildProcess;

  /** @param prefix with which the path of each guarded process's folder begins; each has its folder in its environment. */
  constructor(prefix: string) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'palette-whisk-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], PW_PREFIX: prefix },
    });
    // Without a shell nothing is guarded: running processes still notice that their parent has ended.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  /** Guards a process group by the id of its leader. */
  add(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`);
  }

  remove(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`);
  }

  /** Ends the guardian, and nothing else. */
  close(): void {
    this.#child.stdin?.end('quit\n');
  }
}
