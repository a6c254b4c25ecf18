import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { ViewQuery } from '../../../shared/store/ArtifactStore.js';
import { CouchClient } from '../../../shared/store/couchdb/CouchClient.js';
import { CouchStore } from '../../../shared/store/couchdb/CouchStore.js';
import { openCouchStores, type CouchOptions } from '../../../shared/store/couchdb/open.js';
import { eventually } from '../../e2e/eventually.js';
import { startCouch, type Couch } from './couch.js';
import { startGateway } from './gateway.js';

const VIEW = 'whisks.v2.1.0/activations';
const ALL: ViewQuery = { startKey: ['guest', 0], endKey: ['guest', '\ufff0'] };

describe('a view of CouchDB that is behind its database', () => {
  let couch: Couch;
  let options: CouchOptions;
  let client: CouchClient;

  before(async () => {
    couch = await startCouch();
    options = couch.options();
    client = new CouchClient(options);
    await (await openCouchStores(options)).close();
  });
  after(async () => {
    await client?.close();
    await couch?.close();
  });

  const database = (): string => options.databases.activations;
  const activations = (from: number, to: number): { _id: string }[] =>
    Array.from({ length: to - from }, (_, i) => {
      const activationId = String(from + i);
      return { _id: `guest/${activationId}`, activationId, namespace: 'guest', name: 'n', start: from + i };
    });

  it('is brought up to date before it answers, unless that takes too long: then it shows what it has', async () => {
    const patient = new CouchStore(client, database());
    await patient.putMany(activations(0, 200));
    assert.equal((await patient.query(VIEW, ALL)).length, 200);
    // Nobody answers within so little.
    const impatient = new CouchStore(client, database(), { viewPatienceMs: 1 });
    await patient.putMany(activations(200, 400));
    const rows = await impatient.query(VIEW, ALL);
    assert.ok(rows.length >= 200 && rows.length <= 400, `${rows.length} rows`);
    await eventually(async () => assert.equal(await impatient.count(VIEW, ALL), 400));
    assert.equal((await impatient.query(VIEW, ALL)).length, 400);
  });

  it('is not waited for again for a while', async () => {
    let slow: (res: ServerResponse) => void = () => {};
    let isSlow = true;
    const asked: string[] = [];
    const gateway = await startGateway(couch, (req, res) => {
      const fresh = !new URL(req.url ?? '', 'http://couchdb').searchParams.has('stale');
      asked.push(fresh ? 'up to date' : 'what it has');
      if (fresh && isSlow) slow(res);
      return fresh && isSlow;
    });
    const behind = new CouchClient({ ...options, url: gateway.url });
    const lines: string[] = [];
    const keep = (message: string): void => void lines.push(message);
    let now = 0;
    const store = new CouchStore(behind, database(), {
      viewPatienceMs: 1500,
      now: () => now,
      log: { ...silentLogger, info: keep, warn: keep },
    });
    /** Lists, and tells what CouchDB was asked for. */
    const list = async (): Promise<string[]> => {
      asked.length = 0;
      await store.query(VIEW, ALL);
      return [...asked];
    };
    assert.deepEqual(await list(), ['up to date', 'what it has']);
    assert.deepEqual(await list(), ['what it has']);
    now = 15_000;
    // It may begin its answer and not come to the end.
    slow = (res) => void res.writeHead(200, { 'content-type': 'application/json' }).write('{"rows":[');
    assert.deepEqual(await list(), ['up to date', 'what it has']);
    isSlow = false;
    await eventually(async () => {
      // On a busy machine, CouchDB itself may take longer than the patience.
      now += 15_000;
      assert.deepEqual(await list(), ['up to date']);
      assert.deepEqual(await list(), ['up to date']);
    });
    assert.deepEqual(
      [...new Set(lines)],
      [
        `${VIEW} in ${database()} is outdated: lists may miss the newest entries`,
        `${VIEW} in ${database()} is up to date`,
      ],
    );
    await behind.close();
    gateway.close();
  });
});
