import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { newActivationId } from '../../../shared/entities/activationId.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { StoreError } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { startOwnCouch, type OwnCouch } from './couch.js';

describe('CouchDB with faults', function () {
  this.timeout(60_000);
  let couch: OwnCouch;
  before(async function () {
    this.timeout(120_000);
    couch = await startOwnCouch();
  });
  after(() => couch.close());

  it('is waited for while it is away at the start; the log says so once', async () => {
    await couch.kill();
    const lines: string[] = [];
    const keep = (message: string): void => void lines.push(message);
    const log: Logger = { ...silentLogger, info: keep, warn: keep };
    const opening = openCouchStores(couch.options('early_'), log);
    await sleep(700);
    assert.equal(
      lines.filter((line) => line.startsWith(`waiting for CouchDB at ${new URL(couch.url).origin}`)).length,
      1,
    );
    await couch.start();
    const stores = await opening;
    assert.ok(lines.includes(`CouchDB at ${new URL(couch.url).origin} answers`));
    await stores.close();
  });

  it('fails what is asked while it is away, and works again without being opened anew', async () => {
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
    const make = async (forMs: number): Promise<void> => {
      for (const end = Date.now() + forMs; Date.now() < end; await sleep(2)) {
        const record = recordOf(newActivationId());
        ids.push(record.activationId);
        storing.push(activations.store(record).then(() => void stored++));
      }
    };
    await make(500);
    await couch.kill();
    const before = stored;
    await make(500);
    assert.ok(ids.length - stored > 50, `${ids.length} made, ${stored} stored`);
    assert.deepEqual((await activations.get('guest', ids.at(-1) ?? ''))?.activationId, ids.at(-1));
    await couch.start();
    const back = performance.now();
    await make(500);
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
});

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
