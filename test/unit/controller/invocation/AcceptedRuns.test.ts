import assert from 'node:assert/strict';
import { AcceptedRuns, interrupted } from '../../../../controller/invocation/AcceptedRuns.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { BatchingActivationStore } from '../../../../shared/store/BatchingActivationStore.js';
import { recordingLogger } from '../../shared/messaging/kafka/recordingLogger.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../shared/store/embedded/open.js';

function record(activationId: string, fields: Partial<ActivationRecord> = {}): ActivationRecord {
  return {
    activationId,
    namespace: 'guest',
    name: 'both',
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: 1000,
    end: 1000,
    duration: 0,
    response: interrupted(),
    logs: [],
    annotations: [],
    ...fields,
  };
}

describe('AcceptedRuns', () => {
  let stores: EmbeddedStores;
  let activations: BatchingActivationStore;
  let runs: AcceptedRuns;
  beforeEach(async () => {
    stores = await openTemporaryStores();
    activations = new BatchingActivationStore(stores.activations);
    runs = new AcceptedRuns(stores.runs);
  });
  afterEach(() => stores.close());

  const recover = async (): Promise<void> => {
    await new AcceptedRuns(stores.runs).recover(activations, 5000, silentLogger);
    // The entries leave with the next write.
    await stores.runs.put('last', '');
    stores.runs.remove('last');
    await stores.runs.put('last', '');
  };
  const left = (): string[] => stores.runs.list().flatMap(({ key }) => (key === 'last' ? [] : [key]));

  it('records the unfinished runs of an earlier process once', async () => {
    await runs.accepted(record('sequence'));
    await recover();
    const stored = await activations.get('guest', 'sequence');
    assert.deepEqual(stored, record('sequence', { end: 5000, duration: 4000 }));
    assert.deepEqual(left(), []);
  });

  it('leaves ended activations and existing records alone', async () => {
    await runs.accepted(record('ended'));
    runs.ended('ended');
    await runs.accepted(record('stored'));
    const own = record('stored', { response: { statusCode: 0, result: { done: true } } });
    await activations.store(own);
    await recover();
    assert.equal(await activations.get('guest', 'ended'), undefined);
    assert.deepEqual(await activations.get('guest', 'stored'), own);
  });

  it('keeps the record of a result that was answered as it was, and a trigger’s without an end', async () => {
    const answered = record('answered', { end: 1005, duration: 5, response: { statusCode: 0, result: { n: 1 } } });
    await runs.answered(answered);
    const { duration: _, ...fired } = record('fired', { end: 0 });
    await runs.accepted(fired);
    await recover();
    assert.deepEqual(await activations.get('guest', 'answered'), answered);
    assert.deepEqual(await activations.get('guest', 'fired'), fired);
  });

  it('counts the runs that were not finished, and those that had ended', async () => {
    const { log, lines } = recordingLogger();
    for (const id of ['a', 'b']) await runs.accepted(record(id));
    for (const id of ['c', 'd', 'e']) await runs.answered(record(id));
    await new AcceptedRuns(stores.runs).recover(activations, 5000, log);
    assert.deepEqual(lines, [
      'warn: recorded 2 activations that an earlier run of this server did not finish',
      'info: made sure of the records of 3 activations that had ended when the server did',
    ]);
  });

  it('drops an unreadable entry, and continues', async () => {
    await stores.runs.put('broken', '{}');
    await runs.accepted(record('whole'));
    await recover();
    assert.ok(await activations.get('guest', 'whole'));
    assert.deepEqual(left(), []);
  });
});
