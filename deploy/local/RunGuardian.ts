import { spawn, type ChildProcess } from 'node:child_process';
import { OWNER_LABEL } from '../../invoker/containers/docker/settings.js';

/** The environment variable of all processes of a run. Its value is the run's folder. */
export const RUN_VARIABLE = 'PALETTE_WHISK_LOCAL_RUN';

/**
 * The time for a graceful stop of controllers and invokers after the end of the runner, in s. Invokers remove their
 * containers and report ended activations.
 */
export const ORDERLY_END_S = 10;

/**
 * Reads the lines `process PID`, `gone PID`, `path PATH`, `owner LABEL` and `quit`. Its input ends when the runner
 * ends, for any reason. Then it stops the processes, kills the remaining ones and all processes with the run's
 * variable, and removes containers and paths. It ignores signals from a terminal.
 */
const SCRIPT = `
trap '' HUP INT TERM
processes=' '; owners=; newline='
'; paths=
while read -r kind value; do
  case "$kind" in
    process) processes="$processes$value " ;;
    gone) case "$processes" in *" $value "*) processes="\${processes%%" $value "*} \${processes#*" $value "}" ;; esac ;;
    path) paths="$paths$value$newline" ;;
    owner) owners="$owners $value" ;;
    quit) exit 0 ;;
  esac
done
runs() { case "$(ps -o stat= -p "$1" 2>/dev/null)" in ''|Z*) return 1 ;; esac; }
for pid in $processes; do kill -TERM "$pid" 2>/dev/null; kill -CONT "$pid" 2>/dev/null; done
round=0
while [ "$round" -lt ${ORDERLY_END_S * 5} ]; do
  left=
  for pid in $processes; do runs "$pid" && left=1; done
  [ -n "$left" ] || break
  sleep 0.2; round=$((round + 1))
done
for pid in $processes; do kill -KILL "$pid" 2>/dev/null; done
for round in 1 2 3; do
  for file in $(grep -laF -- "$PW_MARK" /proc/[0-9]*/environ 2>/dev/null); do
    pid="\${file#/proc/}"; pid="\${pid%/environ}"
    [ "$pid" = "$$" ] || kill -KILL "$pid" 2>/dev/null
  done
done
for owner in $owners; do
  command -v docker >/dev/null 2>&1 || break
  ids=$(docker ps -aq --filter "label=${OWNER_LABEL}=$owner" 2>/dev/null)
  [ -z "$ids" ] || docker rm -fv $ids >/dev/null 2>&1
done
printf '%s' "$paths" | while read -r path; do rm -rf -- "$path"; done
`;

/** Guards child processes. */
export interface Guards {
  /** @param name such as `controller0`. */
  add(pid: number, name: string): void;
  remove(pid: number): void;
}

/**
 * A small process that outlives the runner of `npm run local` for some seconds. After a kill of the runner it stops the
 * controllers and invokers gracefully, then the brokers and the database.
 */
export class RunGuardian implements Guards {
  readonly #child: ChildProcess;

  /** @param run the run's folder, the value of `RUN_VARIABLE` in its processes. */
  constructor(run: string) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'palette-whisk-local-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PW_MARK: `${RUN_VARIABLE}=${run}` },
    });
    // Without a shell there is no guard. The next start ends remaining controllers and invokers.
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  /** Adds a controller or an invoker. */
  add(pid: number): void {
    this.#tell(`process ${pid}`);
  }

  remove(pid: number): void {
    this.#tell(`gone ${pid}`);
  }

  /** Adds a file or a folder to remove. */
  addPath(path: string): void {
    this.#tell(`path ${path}`);
  }

  /** Adds an owner whose containers are removed, by their label. */
  addOwner(owner: string): void {
    this.#tell(`owner ${owner}`);
  }

  /** Ends the guardian without other effects. */
  close(): void {
    this.#child.stdin?.end('quit\n');
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
