import assert from 'node:assert/strict';
import { Journal } from '../../../../controller/invocation/Journal.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { activationRecord } from '../../../../shared/entities/activationRecord.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { user } from './runs.js';

const transid = { id: 'tid', start: 0 };
const record = activationRecord({
  activationId: 'a'.repeat(32),
  user,
  name: 'hello',
  start: 0,
  end: 1,
  response: { statusCode: 0 },
  annotations: {},
});

function setUp(store: () => Promise<void> = () => Promise.resolve()) {
  const told: [string, string][] = [];
  const stored: ActivationRecord[] = [];
  const logged: unknown[] = [];
  const journal = new Journal({
    activations: { store: (one) => (stored.push(one), store()) },
    events: { activation: (one, userId) => void told.push([one.activationId, userId]) },
    log: { ...silentLogger, error: (message, fields) => void logged.push([message, fields?.transid?.id]) },
  });
  return { journal, told, stored, logged };
}

/** Lets everything run that only waits for a turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Journal', () => {
  it('tells users\u2019 monitoring, and stores the record', async () => {
    const { journal, told, stored } = setUp();
    await journal.keep(record, user, transid);
    assert.deepEqual(told, [[record.activationId, 'uuid-of-ns']]);
    assert.deepEqual(stored, [record]);
  });

  it('stores nothing of a namespace that wants no records', async () => {
    const { journal, told, stored } = setUp();
    await journal.keep(record, { ...user, limits: { storeActivations: false } }, transid);
    assert.equal(told.length, 1);
    assert.deepEqual(stored, []);
  });

  it('is idle only once every record is stored', async () => {
    let written = (): void => {};
    const { journal } = setUp(() => new Promise((resolve) => (written = resolve)));
    void journal.keep(record, user, transid);
    let idle = false;
    const done = journal.idle().then(() => (idle = true));
    await turn();
    assert.equal(idle, false);
    written();
    await done;
  });

  it('logs a record that could not be stored with its transaction, and goes on', async () => {
    const { journal, logged } = setUp(() => Promise.reject(new Error('away')));
    await journal.keep(record, user, transid);
    assert.deepEqual(logged, [[`could not store the record of activation ${record.activationId}`, 'tid']]);
    await journal.idle();
  });

  it('waits for work that begins while it waits', async () => {
    const { journal } = setUp();
    let second: Promise<void> | undefined;
    let ended = false;
    void journal.track(
      turn().then(() => {
        second = journal.track(turn().then(() => void (ended = true)));
      }),
    );
    await journal.idle();
    assert.ok(second && ended);
  });

  it('logs work that fails after its request was answered', async () => {
    const { journal, logged } = setUp();
    await assert.rejects(journal.track(Promise.reject(new Error('broken'))));
    await journal.idle();
    assert.equal(logged.length, 1);
  });
});
