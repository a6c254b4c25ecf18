import assert from 'node:assert/strict';
import { attach } from '../../suites/attach.js';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'undici';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { StoreError } from '../../../shared/store/ArtifactStore.js';
import { openCouchStores, type CouchOptions } from '../../../shared/store/couchdb/open.js';
import { startCouch, type Couch } from './couch.js';
import { answer, basic, startGateway } from './gateway.js';

/** A log that keeps its messages. */
function keepingLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string): void => void lines.push(message);
  return { lines, log: { ...silentLogger, info: keep, warn: keep, error: keep } };
}

describe('opening the stores in CouchDB', () => {
  let couch: Couch;
  before(async () => {
    couch = await startCouch();
  });
  after(() => couch.close());

  const json = async (path: string, init: { method?: 'GET' | 'PUT'; body?: string } = {}) => {
    const { origin, username, password } = new URL(couch.url);
    const authorization = basic(decodeURIComponent(username), decodeURIComponent(password));
    const headers = { 'content-type': 'application/json', ...(username === '' ? {} : { authorization }) };
    const got = await request(`${origin}/${path}`, {
      method: init.method ?? 'GET',
      headers,
      body: init.body ?? null,
    });
    return (await got.body.json()) as Record<string, unknown>;
  };

  it("makes databases and design documents under OpenWhisk's names, and leaves them alone the next time", async () => {
    const options = couch.options();
    const { log, lines } = keepingLog();
    await (await openCouchStores(options, log)).close();
    const { whisks, activations, subjects } = options.databases;
    assert.equal(lines.filter((line) => line.startsWith('created the database')).length, 3);
    const views = async (db: string, design: string) =>
      Object.keys((await json(`${db}/_design/${design}`))['views'] as object).toSorted();
    assert.deepEqual(await views(whisks, 'whisks.v2.1.0'), [
      'actions',
      'packages',
      'packages-public',
      'rules',
      'triggers',
    ]);
    assert.deepEqual(await views(activations, 'whisks.v2.1.0'), ['activations']);
    assert.deepEqual(await views(activations, 'whisks-filters.v2.1.1'), ['activations']);
    assert.deepEqual(await views(activations, 'palette.v1.0.0'), ['activations-by-color']);
    assert.deepEqual(await views(activations, 'activations'), ['byDate']);
    assert.deepEqual(await views(activations, 'logCleanup'), ['byDateWithLogs']);
    assert.deepEqual(await views(subjects, 'subjects.v2.0.0'), ['identities']);
    assert.deepEqual(await views(subjects, 'namespaceThrottlings'), ['blockedNamespaces']);
    const again = keepingLog();
    await (await openCouchStores(options, again.log)).close();
    assert.deepEqual(again.lines, []);
    assert.match(String((await json(`${whisks}/_design/whisks.v2.1.0`))['_rev']), /^1-/);
  });

  it('adds what a design document lacks and keeps what it has', async () => {
    const options = couch.options();
    const { whisks } = options.databases;
    await json(whisks, { method: 'PUT' });
    const map = 'function (doc) { emit(doc.namespace, "theirs"); }';
    const design = { language: 'javascript', views: { actions: { map }, own: { map } } };
    await json(`${whisks}/_design/whisks.v2.1.0`, { method: 'PUT', body: JSON.stringify(design) });
    const { log, lines } = keepingLog();
    await (await openCouchStores(options, log)).close();
    const upgraded = (await json(`${whisks}/_design/whisks.v2.1.0`))['views'] as Record<string, { map: string }>;
    assert.equal(upgraded['actions']?.map, map);
    assert.equal(upgraded['own']?.map, map);
    assert.ok(upgraded['triggers']);
    assert.ok(lines.some((line) => line.includes('upgraded _design/whisks.v2.1.0')));
  });

  it('lets several processes set up the same databases at once', async () => {
    const options = couch.options();
    const { log, lines } = keepingLog();
    const all = await Promise.all([1, 2, 3].map(() => openCouchStores(options, log)));
    assert.deepEqual(
      lines.filter((line) => line.includes('conflict')),
      [],
    );
    await all[0]?.whisks.put({ _id: 'guest/x' });
    assert.equal((await all[2]?.whisks.get('guest/x'))?._id, 'guest/x');
    await Promise.all(all.map((stores) => stores.close()));
  });

  it('uses the names that an installation has for the design documents', async () => {
    const designDocuments = { actions: 'a.v1', activations: 'b.v1', activationsFilter: 'c.v1', subjects: 'd.v1' };
    const stores = await openCouchStores({ ...couch.options(), designDocuments });
    const record = { _id: 'guest/1', activationId: '1', namespace: 'guest', name: 'n', start: 1, annotations: [] };
    await stores.activations.putMany([record]);
    const query = { startKey: ['guest/n', 0], endKey: ['guest/n', 9] };
    assert.equal(await stores.activations.count('whisks-filters.v2.1.1/activations', query), 1);
    await stores.close();
  });

  it('can be told to stop waiting', async () => {
    const nobody: CouchOptions = { ...couch.options(), url: 'http://127.0.0.1:1' };
    const stop = AbortSignal.timeout(300);
    await assert.rejects(openCouchStores(nobody, silentLogger, stop), /did not answer/);
  });

  it('can be told to stop waiting for one that takes connections and does not answer', async () => {
    const sockets = new Set<Socket>();
    const frozen = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
    frozen.listen(0, '127.0.0.1');
    await once(frozen, 'listening');
    const url = `http://127.0.0.1:${(frozen.address() as AddressInfo).port}`;
    const stop = new AbortController();
    const opening = assert.rejects(openCouchStores({ ...couch.options(), url }, silentLogger, stop.signal), {
      message: `CouchDB at ${url} did not answer`,
    });
    await once(frozen, 'connection');
    stop.abort();
    await opening;
    for (const socket of sockets) await once(socket.resume(), 'close');
    frozen.close();
  });

  describe('credentials and TLS', () => {
    /** It wants a password, and may speak TLS. */
    const gateway = (tls?: { key: string; cert: string }) =>
      startGateway(
        couch,
        (req, res) => {
          if (req.headers.authorization === basic('user', 'p:w@ é')) return false;
          answer(res, 401, { error: 'unauthorized', reason: 'Name or password is incorrect.' });
          return true;
        },
        tls,
      );

    it('sends its credentials with everything, attachments too', async () => {
      const server = await gateway();
      const options = { ...couch.options(), url: server.url, username: 'user', password: 'p:w@ é' };
      const stores = await openCouchStores(options);
      const revision = await stores.whisks.put({ _id: 'guest/x' });
      await attach(stores.whisks, 'guest/x', revision, 'code', 'text/plain', Buffer.from('hello'));
      assert.equal(Buffer.from((await stores.whisks.readAttachment('guest/x', 'code')) ?? []).toString(), 'hello');
      await stores.close();
      server.close();
    });

    it('says that its credentials are refused, without repeating them', async () => {
      const server = await gateway();
      const options = { ...couch.options(), url: server.url, username: 'user', password: 'wrong-secret' };
      await assert.rejects(openCouchStores(options), (error: Error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.message, `CouchDB at ${server.url} refuses: Name or password is incorrect. (401)`);
        assert.doesNotMatch(JSON.stringify([error.stack, Object.entries(error.cause as object)]), /wrong-secret/);
        return true;
      });
      server.close();
    });

    it('speaks TLS to a server whose authority it was given, and to no other', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'couch-tls-'));
      const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const made = spawnSync(
        'openssl',
        `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout ${keyFile} -out ${certFile}`.split(
          ' ',
        ),
        { encoding: 'utf8' },
      );
      assert.equal(made.status, 0, made.stderr);
      const server = await gateway({ key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') });
      const options = { ...couch.options(), url: server.url, username: 'user', password: 'p:w@ é' };
      const { log, lines } = keepingLog();
      await assert.rejects(openCouchStores(options, log, AbortSignal.timeout(500)), StoreError);
      assert.ok(
        lines.some((line) => /self.signed/i.test(line)),
        lines.join('\n'),
      );
      const stores = await openCouchStores({ ...options, caFile: certFile });
      assert.match(await stores.whisks.put({ _id: 'guest/x' }), /^1-/);
      await stores.close();
      server.close();
      const missing = { ...options, caFile: join(folder, 'none') };
      await assert.rejects(openCouchStores(missing), /cannot read the certificates in .*none \(ENOENT\)/);
      await writeFile(keyFile, '');
      await rm(folder, { recursive: true });
    });
  });
});
