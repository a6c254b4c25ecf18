import assert from 'node:assert/strict';
import { withBuiltins, type BuiltinAction } from '../../../../controller/invocation/builtin.js';
import { Journal } from '../../../../controller/invocation/Journal.js';
import type { InvocationRequest } from '../../../../controller/invocation/Invocation.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { newActivationId } from '../../../../shared/entities/activationId.js';
import { valueOf, type KeyValue } from '../../../../shared/entities/keyvalue.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { parameterEncryption } from '../../../../shared/parameters/encryption.js';
import { action } from './entities.js';
import { user } from './runs.js';

const encryption = parameterEncryption({ current: 'aes-128', aes128: Buffer.alloc(16, 7).toString('base64') });
const marked: KeyValue[] = [{ key: 'builtin', value: true }];

function setUp(builtin: BuiltinAction, store = () => Promise.resolve()) {
  const stored: ActivationRecord[] = [];
  const told: ActivationRecord[] = [];
  const elsewhere: InvocationRequest[] = [];
  const journal = new Journal({
    activations: { store: (record) => (stored.push(record), store()) },
    events: { activation: (record) => void told.push(record) },
    log: silentLogger,
  });
  const invocation = withBuiltins(
    {
      invoke(request) {
        elsewhere.push(request);
        return Promise.resolve({ kind: 'accepted', activationId: 'elsewhere' });
      },
    },
    {
      builtins: new Map([['whisk.system/p/a', builtin]]),
      encryption,
      journal,
      clock: Date.now,
      newActivationId,
      log: silentLogger,
    },
  );
  return { invocation, journal, stored, told, elsewhere };
}

function request(more: Partial<InvocationRequest> = {}, annotations = marked, parameters: KeyValue[] = []) {
  const target = { action: action('whisk.system/p/a', { annotations }), parameters };
  return { transid: { id: 't', start: Date.now() - 5 }, user, target, payload: {}, waitMs: 1000, ...more };
}

describe('a built-in action', () => {
  it('is done here, and has a record like any other', async () => {
    const { invocation, stored, told, elsewhere } = setUp(({ args, user }) =>
      Promise.resolve({ args, by: user.namespace.name }),
    );
    const outcome = await invocation.invoke(request({ payload: { b: 2 } }, marked, [{ key: 'a', value: 1 }]));
    assert.ok(outcome.kind === 'record');
    const { record } = outcome;
    assert.deepEqual(record.response, { statusCode: 0, result: { args: { a: 1, b: 2 }, by: 'ns' }, size: 32 });
    assert.deepEqual([record.name, record.namespace, record.cause], ['a', 'ns', undefined]);
    assert.equal(valueOf(record.annotations, 'path'), 'whisk.system/p/a');
    assert.deepEqual([stored, told, elsewhere], [[record], [record], []]);
  });

  it('is waited for by a stop until its record is stored', async () => {
    let written: (() => void) | undefined;
    const store = (): Promise<void> => new Promise((resolve) => (written = resolve));
    const { invocation, journal } = setUp(() => Promise.resolve({}), store);
    await invocation.invoke(request());
    let idle = false;
    const done = journal.idle().then(() => (idle = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(idle, false);
    written?.();
    await done;
  });

  it('may be a component', async () => {
    const { invocation } = setUp(() => Promise.resolve({}));
    const outcome = await invocation.invoke(request({ cause: 'c' }));
    assert.ok(outcome.kind === 'record');
    assert.deepEqual([outcome.record.cause, valueOf(outcome.record.annotations, 'causedBy')], ['c', 'sequence']);
  });

  it('responds at once if the caller does not wait', async () => {
    const { invocation, stored } = setUp(() => Promise.resolve({}));
    const outcome = await invocation.invoke(request({ waitMs: undefined }));
    assert.deepEqual(outcome, { kind: 'accepted', activationId: stored[0]?.activationId });
  });

  it('gets its parameters as they were before they were encrypted', async () => {
    const { invocation } = setUp(({ args }) => Promise.resolve({ args }));
    const locked = encryption.lock([{ key: 'secret', value: { x: 1 } }]);
    const outcome = await invocation.invoke(request({}, marked, locked));
    assert.deepEqual(outcome.kind === 'record' && outcome.record.response.result, { args: { secret: { x: 1 } } });
  });

  it('that fails says nothing of why', async () => {
    const { invocation } = setUp(() => Promise.reject(new Error('secret')));
    const outcome = await invocation.invoke(request());
    const response = { statusCode: 3, result: { error: 'There was an internal server error.' } };
    assert.deepEqual(outcome.kind === 'record' && outcome.record.response, response);
  });

  it('leaves no record if none is wanted', async () => {
    const { invocation, stored } = setUp(() => Promise.resolve({}));
    await invocation.invoke(request({ user: { ...user, limits: { storeActivations: false } } }));
    assert.deepEqual(stored, []);
  });

  it('is built in only if its document says so', async () => {
    const { invocation, elsewhere } = setUp(() => Promise.resolve({}));
    await invocation.invoke(request({}, []));
    assert.equal(elsewhere.length, 1);
  });
});
