import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { freePort } from '../../../deploy/local/ports.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { CouchClient } from '../../../shared/store/couchdb/CouchClient.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { checkCouch, removeForeignDatabases } from '../../bench/faults/cluster.js';
import { OptionError } from '../../bench/faults/options.js';
import { foreignCouch, startOwnCouch, type OwnCouch } from './couch.js';

/** `npm run bench:faults -- --couchdb URL` and tests with `COUCHDB_URL`. */
describe('a CouchDB that is there already', function () {
  this.timeout(600_000);
  let couch: OwnCouch;
  let client: CouchClient;
  let url: string;
  before(async () => {
    couch = await startOwnCouch('');
    client = new CouchClient({ url: couch.url });
    url = couch.url.replace('http://', 'http://admin:secret@');
  });
  after(async () => {
    await client.close();
    await couch.close();
  });

  it('keeps its own databases, and none that were made for a test or a bench', async () => {
    await client.json({ method: 'PUT', path: 'kept' });
    const running = foreignCouch(url);
    const stores = await openCouchStores(running.options(), silentLogger);
    await stores.close();
    assert.equal((await databases()).length, 4);
    await running.close();
    assert.deepEqual(await databases(), ['kept']);
    // Nothing of a bench is left to remove.
    await removeForeignDatabases();
    assert.deepEqual(await databases(), ['kept']);
  });

  it('is taken with the name and the password of its administrator', async () => {
    await checkCouch({ kind: 'running', url });
  });

  it('is refused where nothing answers, without the password in the message', async () => {
    const nowhere = `http://admin:secret@127.0.0.1:${await freePort()}/`;
    await assert.rejects(checkCouch({ kind: 'running', url: nowhere }), refusedWith(/cannot be used: .*ECONNREFUSED/));
  });

  const ANSWERS: readonly [string, number, object, RegExp][] = [
    [
      'it does not take the password',
      401,
      { error: 'unauthorized', reason: 'incorrect' },
      /cannot be used: .*incorrect/,
    ],
    [
      'the user is not an administrator',
      200,
      { userCtx: { roles: [] } },
      /cannot be used: admin is not its administrator/,
    ],
  ];
  for (const [why, status, answer, message] of ANSWERS) {
    it(`is refused where ${why}`, async () => {
      const server = createServer((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
      const port = await listening(server);
      try {
        const wrong = `http://admin:secret@127.0.0.1:${port}/`;
        await assert.rejects(checkCouch({ kind: 'running', url: wrong }), refusedWith(message));
      } finally {
        server.close();
      }
    });
  }

  const databases = async (): Promise<string[]> => {
    const all = await client.json({ path: '_all_dbs' });
    assert.ok(Array.isArray(all));
    return all.map(String).filter((name) => !name.startsWith('_'));
  };
});

const refusedWith =
  (message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof OptionError && message.test(error.message) && !error.message.includes('secret');

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
