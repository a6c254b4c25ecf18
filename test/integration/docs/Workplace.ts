import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programArguments } from '../../programs.js';
import { startServerProcess, type ServerProcess } from '../standalone/serverProcess.js';

/** The folder of the checkout. */
export const ROOT = join(createRequire(import.meta.url).resolve('palette-whisk/package.json'), '..');

/** The limit of one command, in ms. A busy machine needs seconds for what takes a fraction of one. */
const COMMAND_MS = 300_000;

export interface Ran {
  /** The exit code; null if the command was ended by a signal, as at its time limit. */
  readonly code: number | null;
  /** What it printed on both streams. */
  readonly output: string;
}

/**
 * A user's folder with a server: commands run there as a user types them, one after the other, in one shell session. The
 * server runs on a free port, and takes the place of the one on port 3233 that pages name.
 */
export class Workplace {
  readonly folder: string;
  readonly #options: readonly string[];
  /** The file of what a session keeps from command to command. */
  readonly #state: string;
  readonly #programs: string;
  #server: ServerProcess | undefined;
  #host = '127.0.0.1:3233';

  /** @param options of the server, besides its port, its data and its driver */
  constructor(options: readonly string[] = []) {
    this.#options = options;
    const base = mkdtempSync(join(tmpdir(), 'palette-whisk-docs-'));
    this.folder = join(base, 'work');
    this.#state = join(base, 'state');
    const programs = join(base, 'bin');
    mkdirSync(programs);
    mkdirSync(join(this.folder, 'node_modules'), { recursive: true });
    symlinkSync(ROOT, join(this.folder, 'node_modules/palette-whisk'));
    symlinkSync(join(ROOT, 'node_modules/openwhisk'), join(this.folder, 'node_modules/openwhisk'));
    for (const name of ['shared', 'invoker']) symlinkSync(join(ROOT, name), join(this.folder, name));
    // A copy, since a reader installs packages in it.
    cpSync(join(ROOT, 'examples'), join(this.folder, 'examples'), { recursive: true });
    program(join(programs, 'palette-whisk'), PALETTE_WHISK);
    program(join(programs, 'npm'), NPM);
    this.#programs = programs;
    // `curl -s` would not say why it failed.
    writeFileSync(join(base, '.curlrc'), 'show-error\n');
    this.beginSession();
  }

  /** Begins a new shell session in the user's folder. */
  beginSession(): void {
    writeFileSync(this.#state, `export PATH='${this.#programs}':"$PATH"\ncd '${this.folder}'\n`);
  }

  /** Writes a file of the user. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), `${text}\n`);
  }

  /** Stops the server, which keeps its data. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    server.signal('SIGTERM');
    await server.exited();
  }

  /** Starts the server if it does not run. */
  async startServer(): Promise<void> {
    if (this.#server) return;
    // Processes on every machine, so that a page has one result.
    const data = join(this.folder, 'data');
    this.#server = startServerProcess(['--port', '0', '--process', '--data', data, ...this.#options]);
    this.#host = new URL(await this.#server.ready()).host;
  }

  /** Runs a command in the session: it sees the variables and the folder that earlier commands have set. */
  async run(text: string): Promise<Ran> {
    const script = [
      'source "$STATE"',
      `export WHISK_APIHOST='http://${this.#host}' __OW_API_HOST='http://${this.#host}'`,
      'set -eo pipefail',
      text.replaceAll(/(127\.0\.0\.1|localhost):3233/g, this.#host),
      '{ declare -px; printf "cd %q\\n" "$PWD"; } > "$STATE"',
    ].join('\n');
    const child = spawn('bash', ['-c', script], {
      cwd: this.folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        STATE: this.#state,
        ROOT,
        WSK_CONFIG_FILE: join(this.folder, '.wskprops'),
        CURL_HOME: join(this.folder, '..'),
      },
    });
    let output = '';
    const add = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    const late = setTimeout(() => {
      output += `\nnot done after ${COMMAND_MS / 1000} s`;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, COMMAND_MS);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(late);
    return { code, output };
  }

  /** What the server has printed last. */
  serverOutput(): string {
    return this.#server?.output().slice(-2000) ?? '';
  }

  async close(): Promise<void> {
    await this.stopServer();
    rmSync(join(this.folder, '..'), { recursive: true, force: true });
  }
}

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** The arguments of Node.js that start a program, for a shell. */
function quoted(name: Parameters<typeof programArguments>[0]): string {
  return programArguments(name)
    .map((argument) => `'${argument}'`)
    .join(' ');
}

/** Starts a server as the page says, and stops it when it is ready. */
const START = `start() {
  scratch=$(mktemp -d)
  node ${quoted('standalone')} --process "$@" --port 0 --data "$scratch/data" > "$scratch/log" 2>&1 &
  server=$!
  until grep -q 'ready at' "$scratch/log"; do
    kill -0 "$server" 2> /dev/null || { cat "$scratch/log"; rm -r "$scratch"; exit 1; }
    sleep 0.1
  done
  kill "$server"
  wait "$server"
  rm -r "$scratch"
}`;

/** The command of this build. \`dev\` and \`start\`, which do not end by themselves, end when they have done their work. */
const PALETTE_WHISK = `#!/bin/bash
${START}
case "$1" in
  dev) exec node ${quoted('palette-whisk')} "$@" --once --apihost "$WHISK_APIHOST" ;;
  start) shift; start "$@" ;;
  *) exec node ${quoted('palette-whisk')} "$@" ;;
esac
`;

/** \`npm start\` and \`npm run admin\`, in the user's folder in place of the checkout. `npm install` takes packages from the checkout. */
const NPM = `#!/bin/bash
${START}
case "$*" in
  install) exec node -e '
    const { cpSync, readFileSync } = require("node:fs");
    for (const name of Object.keys(JSON.parse(readFileSync("package.json")).dependencies)) {
      cpSync(process.env.ROOT + "/node_modules/" + name, "node_modules/" + name, { recursive: true });
      console.log("added", name);
    }' ;;
  start) start ;;
  "start -- "*) shift 2; start "$@" ;;
  "run --silent admin -- "*) shift 4; exec node ${quoted('palette-whisk')} admin "$@" ;;
  *) echo "mark this block as not run: npm $*"; exit 1 ;;
esac
`;

/** The text of a page of the checkout. */
export function readPage(name: string): string {
  const path = join(ROOT, name);
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  return readFileSync(path, 'utf8');
}
