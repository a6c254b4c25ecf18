import assert from 'node:assert/strict';
import { attach } from '../../suites/attach.js';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { CouchClient, pathOf } from '../../../shared/store/couchdb/CouchClient.js';
import { openCouchStores, type CouchOptions } from '../../../shared/store/couchdb/open.js';
import { startCouch, type Couch } from './couch.js';
import { answer, startGateway } from './gateway.js';

/** What Apache OpenWhisk puts into databases of its own, where ours is missing. */
const OUR_OWN = '_design/palette.v1.0.0';
const REASON = 'You are not a db or server admin.';

/** As Apache OpenWhisk is deployed: an administrator sets the databases up, and who uses them is a member of them. */
describe('a user of CouchDB who is not an administrator', function () {
  let couch: Couch;
  before(async function () {
    couch = await startCouch();
  });
  after(() => couch.close());

  /** Databases as an administrator of Apache OpenWhisk leaves them. */
  async function setUp(): Promise<CouchOptions> {
    const options = couch.options();
    await (await openCouchStores(options)).close();
    await remove(options, options.databases.activations, OUR_OWN);
    return options;
  }

  async function remove(options: CouchOptions, database: string, id: string): Promise<void> {
    const client = new CouchClient(options);
    const { _rev } = (await client.json({ path: pathOf(database, id) })) as { _rev: string };
    await client.json({ method: 'DELETE', path: pathOf(database, id), qs: { rev: _rev } });
    await client.close();
  }

  /** Opens them as the member, works with all three, and gives what the log had to say. */
  async function use(options: CouchOptions): Promise<string[]> {
    const lines: string[] = [];
    const keep = (message: string): void => void lines.push(message);
    const log: Logger = { ...silentLogger, info: keep, warn: keep, error: keep };
    const stores = await openCouchStores(options, log);
    const revision = await stores.whisks.put({ _id: 'guest/x' });
    assert.match(await attach(stores.whisks, 'guest/x', revision, 'code', 'text/plain', Buffer.from('hello')), /^2-/);
    const record = { _id: 'guest/1', activationId: '1', namespace: 'guest', name: 'n', start: 1, annotations: [] };
    await stores.activations.putMany([record]);
    const all = { startKey: ['guest', 0], endKey: ['guest', 9] };
    assert.equal(await stores.activations.count('whisks.v2.1.0/activations', all), 1);
    assert.deepEqual(await stores.subjects.query('subjects.v2.0.0/identities', all), []);
    await stores.close();
    return lines;
  }

  describe('behind a gateway that lets only administrators put design documents', () => {
    const putsDesign = (req: IncomingMessage): boolean =>
      req.method === 'PUT' && decodeURIComponent(req.url ?? '').includes('/_design/');
    const gateway = () =>
      startGateway(couch, (req, res) => {
        if (putsDesign(req)) answer(res, 403, { error: 'forbidden', reason: REASON });
        return putsDesign(req);
      });

    it('works with the databases of Apache OpenWhisk, and is told what is missing', async () => {
      const options = await setUp();
      const { url, close } = await gateway();
      const db = options.databases.activations;
      const missing = `${OUR_OWN} is missing in ${db}, and this user may not put it: ${REASON}`;
      assert.deepEqual(await use({ ...options, url }), [missing]);
      close();
    });

    it('is refused if a necessary view is missing', async () => {
      const options = await setUp();
      const { whisks } = options.databases;
      await remove(options, whisks, '_design/whisks.v2.1.0');
      const { url, close } = await gateway();
      await assert.rejects(openCouchStores({ ...options, url }), {
        name: 'StoreError',
        message: `CouchDB at ${url} refuses: _design/whisks.v2.1.0 is missing in ${whisks}, and this user may not put it: ${REASON} (403)`,
      });
      close();
    });
  });

  // The stand-in for CouchDB has no users.
  if ((process.env['COUCHDB_URL'] ?? process.env['COUCHDB_HOME'] ?? '') !== '') {
    it('works as a member of the databases', async () => {
      const options = await setUp();
      const [username, password] = [`member-${randomUUID()}`, 'of the databases'];
      const client = new CouchClient(options);
      const user = pathOf('_users', `org.couchdb.user:${username}`);
      const body = JSON.stringify({ name: username, password, type: 'user', roles: [] });
      const { rev } = (await client.json({ method: 'PUT', path: user, body })) as { rev: string };
      const security = JSON.stringify({ members: { names: [username] }, admins: { roles: ['_admin'] } });
      for (const db of Object.values(options.databases)) {
        await client.json({ method: 'PUT', path: `${pathOf(db)}/_security`, body: security });
      }
      const [line, ...more] = await use({ ...options, username, password });
      assert.match(line ?? '', new RegExp(`^${OUR_OWN} is missing in .*, and this user may not put it: `));
      assert.deepEqual(more, []);
      await client.json({ method: 'DELETE', path: user, qs: { rev } });
      await client.close();
    });
  }
});
