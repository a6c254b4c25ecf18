import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CouchClient, pathOf } from '../../../shared/store/couchdb/CouchClient.js';
import type { CouchOptions } from '../../../shared/store/couchdb/open.js';
import { freePort, listens } from '../../../deploy/local/ports.js';

/** A CouchDB to test against. */
export interface Couch {
  /** `http://host:port`, with credentials where there are any. */
  readonly url: string;
  /** How stores are opened whose databases are made for that, and are no others'. */
  options(prefix?: string): CouchOptions;
  /** Ends it and removes what it wrote. One that was there before stays. */
  close(): Promise<void>;
}

/** One of our own, which can fail. */
export interface OwnCouch extends Couch {
  /** Ends it at once, as `kill -9` does; what it wrote stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** The CouchDB that `COUCHDB_URL` names, or else one of our own. */
export async function startCouch(): Promise<Couch> {
  const url = process.env['COUCHDB_URL'] ?? '';
  return url === '' ? startOwnCouch() : new ForeignCouch(url);
}

/** @throws where the server for tests cannot be installed or does not come up. */
export async function startOwnCouch(): Promise<OwnCouch> {
  const couch = new LocalCouch(installCouch(), await freePort());
  await couch.start();
  return couch;
}

/** One that is there already: what tests made in it is removed. */
class ForeignCouch implements Couch {
  readonly url: string;
  readonly #used: CouchOptions[] = [];

  constructor(url: string) {
    this.url = url;
  }

  options(prefix?: string): CouchOptions {
    const options = optionsOf(this.url, prefix);
    this.#used.push(options);
    return options;
  }

  async close(): Promise<void> {
    for (const options of this.#used) {
      const client = new CouchClient(options);
      for (const name of Object.values(options.databases)) {
        await client.json({ method: 'DELETE', path: pathOf(name) }).catch(() => {});
      }
      await client.close();
    }
  }
}

function optionsOf(url: string, prefix = `test_${randomUUID()}_`): CouchOptions {
  const { origin, username, password } = new URL(url);
  const credentials =
    username === '' ? {} : { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  const databases = { whisks: `${prefix}whisks`, activations: `${prefix}activations`, subjects: `${prefix}subjects` };
  return { url: origin, ...credentials, databases };
}

const START_MS = 30_000;

class LocalCouch implements OwnCouch {
  readonly url: string;
  readonly #server: string;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'couchdb-'));
  #process: ChildProcess | undefined;

  constructor(server: string, port: number) {
    this.#server = server;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  options(prefix?: string): CouchOptions {
    return optionsOf(this.url, prefix);
  }

  async start(): Promise<void> {
    const started = fork(this.#server, [this.#folder, String(this.#port)], { stdio: 'inherit', execArgv: [] });
    this.#process = started;
    // A test process that dies must not leave it behind.
    process.once('exit', this.#killNow);
    for (const end = Date.now() + START_MS; !(await listens(this.#port)); await sleep(20)) {
      if (started.exitCode !== null || Date.now() > end) throw new Error('the CouchDB server for tests does not start');
    }
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    process.off('exit', this.#killNow);
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly #killNow = (): void => {
    this.#process?.kill('SIGKILL');
  };
}

/** The server's script; its packages, which are no part of the project's own, are installed where they are missing. */
export function installCouch(): string {
  const script = [
    new URL('./server.mjs', import.meta.url),
    new URL('../../../../test/integration/couchdb/server.mjs', import.meta.url),
  ]
    .map((url) => fileURLToPath(url))
    .find((path) => existsSync(path));
  if (script === undefined) throw new Error('server.mjs is missing');
  const folder = join(script, '..');
  if (!existsSync(join(folder, 'node_modules', 'express-pouchdb'))) {
    const { status, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', folder], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`npm cannot bring the CouchDB server for the tests: ${stderr?.slice(-2000)}`);
  }
  return script;
}
