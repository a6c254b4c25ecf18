import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads the lines `+PID`, `-PID` and `quit`. Its input ends when the server ends, for any reason. Then it kills the
 * remaining process groups and all processes with the prefix in their environment. The next start removes their
 * folders. It ignores signals from a terminal.
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
 * A small process that outlives this one for a moment and kills its remaining action processes. A paused action process
 * cannot notice the end of its parent, so it cannot end itself.
 */
export class Guardian {
  readonly #child: ChildProcess;

  /** @param prefix of the path of each guarded process's folder. Each process has the path in its environment. */
  constructor(prefix: string) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'palette-whisk-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], PW_PREFIX: prefix },
    });
    // Without a shell there is no guard, but running processes notice the end of their parent.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  /** Adds a process group by the id of its leader. */
  add(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`);
  }

  remove(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`);
  }

  /** Ends the guardian without killing processes. */
  close(): void {
    this.#child.stdin?.end('quit\n');
  }
}
