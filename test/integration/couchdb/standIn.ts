import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listens } from '../../../deploy/local/ports.js';
import { npmCi, retried } from '../../retried.js';
import type { CouchProgram } from './OwnCouch.js';

/** PouchDB's server, which needs nothing but npm. @throws where it cannot be installed. */
export async function standIn(): Promise<CouchProgram> {
  const server = await installCouch();
  return {
    start: (folder, port) => fork(server, [folder, String(port)], { stdio: 'inherit', execArgv: [] }),
    answers: listens,
  };
}

/** The server's script; its packages, which are no part of the project's own, are installed where they are missing. */
export async function installCouch(): Promise<string> {
  const script = [
    new URL('./server.mjs', import.meta.url),
    new URL('../../../../test/integration/couchdb/server.mjs', import.meta.url),
  ]
    .map((url) => fileURLToPath(url))
    .find((path) => existsSync(path));
  if (script === undefined) throw new Error('server.mjs is missing');
  const folder = join(script, '..');
  if (!existsSync(join(folder, 'node_modules', 'express-pouchdb'))) {
    await retried("the installation of the tests' CouchDB server", () => npmCi(folder));
  }
  return script;
}
