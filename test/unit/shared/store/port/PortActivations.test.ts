import assert from 'node:assert/strict';
import type { ActivationRecord } from '../../../../../shared/entities/activation.js';
import { StoreFullError } from '../../../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../../../shared/store/BatchingActivationStore.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../../shared/store/embedded/open.js';
import { PortActivations, serveActivations } from '../../../../../shared/store/port/PortActivations.js';
import { connectedSides, type Sides } from '../../threads/ports.js';

const record = (activationId: string, start: number): ActivationRecord => ({
  activationId,
  namespace: 'guest',
  name: 'hello',
  version: '0.0.1',
  subject: 'guest',
  publish: false,
  start,
  end: start + 1,
  duration: 1,
  response: { statusCode: 0, result: { start } },
  logs: ['a line'],
  annotations: [{ key: 'path', value: 'guest/hello' }],
});

describe('activation records over a port', () => {
  let stores: EmbeddedStores;
  let sides: Sides;
  let remote: PortActivations;
  let end: () => void;
  let full: (() => void) | undefined;
  let refuses: boolean;
  const ids = ['1'.repeat(32), '2'.repeat(32)];

  beforeEach(async () => {
    stores = await openTemporaryStores();
    sides = connectedSides({ errors: [StoreFullError] });
    refuses = false;
    full = undefined;
    const activations = new BatchingActivationStore(stores.activations, {
      requireRoom: () => {
        if (refuses) throw new StoreFullError('The disk is full.');
      },
    });
    let room: Promise<void> | undefined;
    const bounded = Object.assign(Object.create(activations) as BatchingActivationStore, {
      room: () => room,
      store: (each: ActivationRecord) => {
        if (each.name === 'last') {
          room = new Promise((resolve) => {
            full = () => {
              room = undefined;
              resolve();
            };
          });
        }
        return activations.store(each);
      },
      get: (namespace: string, id: string) => activations.get(namespace, id),
      list: (namespace: string, filter: object, options: { skip: number; limit: number; docs: true }) =>
        activations.list(namespace, filter, options),
      count: (namespace: string, filter: object, skip: number) => activations.count(namespace, filter, skip),
      ready: () => activations.ready(),
    });
    end = serveActivations(sides.far, bounded, () => refuses);
    remote = new PortActivations(sides.near);
  });
  afterEach(async () => {
    end();
    sides.close();
    await stores.close();
  });

  it('stores, reads, lists and counts', async () => {
    for (const [i, id] of ids.entries()) await remote.store(record(id, i + 1));
    assert.deepEqual((await remote.get('guest', ids[0] ?? ''))?.logs, ['a line']);
    assert.equal(await remote.get('guest', 'f'.repeat(32)), undefined);
    assert.equal(await remote.count('guest', {}, 0), 2);
    const docs = await remote.list('guest', {}, { skip: 0, limit: 1, docs: true });
    assert.deepEqual(
      docs.map(({ activationId }) => activationId),
      [ids[1]],
    );
    const summaries = await remote.list('guest', { upto: 1 }, { skip: 0, limit: 10, docs: false });
    assert.deepEqual(
      summaries.map(({ activationId, logs }) => [activationId, logs]),
      [[ids[0], undefined]],
    );
  });

  it('knows at once when there is no room, and when there is again', async () => {
    assert.equal(remote.room(), undefined);
    await remote.ready();
    await remote.store({ ...record(ids[0] ?? '', 1), name: 'last' });
    const room = remote.room();
    assert.ok(room);
    full?.();
    await room;
    assert.equal(remote.room(), undefined);
  });

  it('refuses new work with the reason of the store', async () => {
    refuses = true;
    await remote.store(record(ids[0] ?? '', 1));
    assert.equal(remote.room(), undefined);
    await assert.rejects(remote.ready(), StoreFullError);
  });
});
