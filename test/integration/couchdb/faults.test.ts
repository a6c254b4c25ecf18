import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { newActivationId } from '../../../shared/entities/activationId.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { StoreError, type Stores } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { until } from '../../suites/messaging.js';
import { startOwnCouch, type OwnCouch } from './couch.js';
import { answer, basic, startGateway } from './gateway.js';

describe('CouchDB with faults', () => {
  let couch: OwnCouch;
  before(async () => {
    couch = await startOwnCouch();
  });
  after(() => couch.close());

  it('is waited for while it is away at the start; the log says so once', async () => {
    await couch.kill();
    const lines: string[] = [];
    const keep = (message: string): void => void lines.push(message);
    const log: Logger = { ...silentLogger, info: keep, warn: keep };
    const opening = openCouchStores(couch.options('early_'), log);
    const waiting = (): string[] =>
      lines.filter((line) => line.startsWith(`waiting for CouchDB at ${new URL(couch.url).origin}`));
    await until(() => waiting().length > 0);
    await couch.start();
    const stores = await opening;
    assert.equal(waiting().length, 1);
    assert.ok(lines.includes(`CouchDB at ${new URL(couch.url).origin} answers`));
    await stores.close();
  });

  it('fails requests while it is unavailable, and works again without being reopened', async () => {
    const stores = await openCouchStores(couch.options('away_'));
    const revision = await stores.whisks.put({ _id: 'guest/x' });
    await couch.kill();
    await assert.rejects(stores.whisks.get('guest/x'), StoreError);
    await assert.rejects(stores.whisks.readAttachment('guest/x', 'a'), StoreError);
    await assert.rejects(stores.activations.putMany([{ _id: 'guest/y' }]), StoreError);
    await couch.start();
    assert.equal((await stores.whisks.get('guest/x'))?._rev, revision);
    await stores.close();
  });

  it('is killed under a load of records: each is stored, once, when it is back', async () => {
    const stores = await openCouchStores(couch.options('load_'));
    const activations = new BatchingActivationStore(stores.activations, { maxRetryDelayMs: 500 });
    const ids: string[] = [];
    const storing: Promise<void>[] = [];
    let stored = 0;
    const make = async (count: number): Promise<void> => {
      for (let made = 0; made < count; made++, await sleep(2)) {
        const record = recordOf(newActivationId());
        ids.push(record.activationId);
        storing.push(activations.store(record).then(() => void stored++));
      }
    };
    await make(150);
    await couch.kill();
    const before = stored;
    await make(150);
    assert.ok(ids.length - stored > 50, `${ids.length} made, ${stored} stored`);
    assert.deepEqual((await activations.get('guest', ids.at(-1) ?? ''))?.activationId, ids.at(-1));
    await couch.start();
    const back = performance.now();
    await make(150);
    await Promise.all(storing);
    console.log(
      `      ${ids.length} records, ${before} stored before, all stored ${Math.round(performance.now() - back)} ms after the return`,
    );
    assert.equal(await activations.count('guest', {}, 0), ids.length);
    const rows = await activations.list('guest', {}, { skip: 0, limit: 0, docs: false });
    assert.deepEqual(new Set(rows.map((row) => row['activationId'])), new Set(ids));
    await activations.close();
    await stores.close();
  });

  it('refuses each record while its disk is full, and gets them when there is room again', async () => {
    let full = false;
    const gateway = await startGateway(couch, (req, res) => {
      if (full && req.url?.endsWith('/_bulk_docs')) void answerFull(req, res);
      return full && req.url?.endsWith('/_bulk_docs') === true;
    });
    const stores = await openCouchStores({ ...couch.options('full_'), url: gateway.url });
    await storesWhenThereIsRoom(stores, (now) => {
      full = now;
      return Promise.resolve();
    });
    await stores.close();
    gateway.close();
  });

  // The stand-in for CouchDB does not look at its disk.
  if ((process.env['COUCHDB_HOME'] ?? '') !== '') {
    it('has a full disk: records are stored when there is room again', async () => {
      const options = couch.options('filled_');
      const { url, username = '', password = '' } = options;
      const set = async (name: string, value: string): Promise<void> => {
        const headers = { authorization: basic(username, password) };
        const setting = `${url}/_node/_local/_config/disk_monitor/${name}`;
        const { status } = await fetch(setting, { method: 'PUT', headers, body: JSON.stringify(value) });
        assert.equal(status, 200);
      };
      await set('interactive_database_writes_threshold', '0');
      const stores = await openCouchStores(options);
      await storesWhenThereIsRoom(stores, (full) => set('enable', String(full)));
      await stores.close();
    });
  }
});

/** Makes records while there is no room. */
async function storesWhenThereIsRoom(stores: Stores, setFull: (full: boolean) => Promise<void>): Promise<void> {
  let failures = 0;
  const observer = { stored: () => {}, backlog: () => {}, failed: () => void failures++ };
  const activations = new BatchingActivationStore(stores.activations, { maxRetryDelayMs: 100, observer });
  await activations.store(recordOf(newActivationId()));
  await setFull(true);
  const storing = Promise.all([1, 2, 3].map(() => activations.store(recordOf(newActivationId()))));
  await until(() => failures >= 3);
  await setFull(false);
  await storing;
  assert.equal(await activations.count('guest', {}, 0), 4);
  await activations.close();
}

/** As CouchDB 3.5 does, misspelling and all. */
async function answerFull(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { docs } = JSON.parse(await text(req)) as { docs: { _id: string }[] };
  const error = { error: 'insufficent_storage', reason: 'database_dir is too full' };
  const body = docs.map(({ _id }) => ({ id: _id, ...error }));
  answer(res, 201, body);
}

function recordOf(activationId: string): ActivationRecord {
  return {
    activationId,
    namespace: 'guest',
    name: 'hello',
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: Date.now(),
    end: Date.now(),
    duration: 0,
    response: { statusCode: 0, result: {}, size: 2 },
    logs: [],
    annotations: [],
  };
}
