import { CouchClient, pathOf } from '../../../shared/store/couchdb/CouchClient.js';
import type { CouchOptions } from '../../../shared/store/couchdb/open.js';
import { freePort } from '../../../deploy/local/ports.js';
import { installedCouch } from './installed.js';
import { OwnCouch, optionsOf } from './OwnCouch.js';
import { standIn } from './standIn.js';

export { OwnCouch } from './OwnCouch.js';
export { installCouch } from './standIn.js';

/** A CouchDB to test against. */
export interface Couch {
  /** `http://host:port`, with credentials where there are any. */
  readonly url: string;
  /** How stores are opened whose databases are made for that, and are no others'. */
  options(prefix?: string): CouchOptions;
  /** Ends it and removes what it wrote. One that was there before stays. */
  close(): Promise<void>;
}

/** The CouchDB that `COUCHDB_URL` names, or else one of our own. */
export async function startCouch(): Promise<Couch> {
  const url = process.env['COUCHDB_URL'] ?? '';
  return url === '' ? startOwnCouch() : foreignCouch(url);
}

/**
 * One that only this test uses, and may kill: a CouchDB where `COUCHDB_HOME` names an installation, or else a stand-in.
 *
 * @throws where the server for tests cannot be installed or does not come up.
 */
export async function startOwnCouch(home = process.env['COUCHDB_HOME'] ?? ''): Promise<OwnCouch> {
  const couch = new OwnCouch(home === '' ? await standIn() : installedCouch(home), await freePort());
  await couch.start();
  return couch;
}

/**
 * One that is there already, and stays.
 *
 * @param url `http` or `https`, with the credentials of an administrator where it has one.
 */
export const foreignCouch = (url: string): Couch => new ForeignCouch(url);

/** What tests made in it is removed. */
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
