import assert from 'node:assert/strict';
import type { InvocationRequest } from '../../../../controller/invocation/Invocation.js';
import { createPrimitive } from '../../../../controller/invocation/primitive.js';
import { NoInstancesError } from '../../../../controller/refusals/refusals.js';
import type { ColorRequest, SchedulableAction } from '../../../../controller/loadbalancer/LoadBalancer.js';
import type { Action } from '../../../../shared/entities/documents.js';
import type { KeyValue } from '../../../../shared/entities/keyvalue.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { loadManifest } from '../../../../shared/runtimes/manifest.js';

const action = (fields: Partial<Action> = {}): Action => ({
  _id: 'ns/p/a',
  _rev: '3-x',
  entityType: 'action',
  namespace: 'ns/p',
  name: 'a',
  version: '0.0.7',
  publish: false,
  annotations: [],
  updated: 0,
  exec: { kind: 'nodejs:20', binary: false },
  parameters: [],
  limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 3 },
  ...fields,
});

interface Published {
  action: SchedulableAction;
  message: ActivationMessage;
  color: ColorRequest | undefined;
}

/** What is published for a request. @param publishMs how long the balancer takes, by a clock that only it moves. */
async function publish(
  request: Partial<InvocationRequest>,
  target = action(),
  parameters: KeyValue[] = [],
  { publishMs = 0, result = 'stored' }: { publishMs?: number; result?: 'stored' | 'none' } = {},
) {
  let clock = 1000;
  const published: Published[] = [];
  const primitive = createPrimitive({
    balancer: {
      publish(schedulable, message, color) {
        published.push({ action: schedulable, message, color });
        clock += publishMs;
        const pending = { activationId: message.activationId, invoker: invokerInstance(0, '0', 1) };
        return Promise.resolve({
          ...pending,
          result:
            result === 'none'
              ? new Promise<never>(() => undefined)
              : Promise.resolve({ kind: 'stored' as const, activationId: message.activationId }),
        });
      },
    },
    activations: { get: () => Promise.resolve(undefined) },
    runtimes: loadManifest(),
    controller: { asString: '0', instanceType: 'controller' },
    newActivationId: () => 'the-id',
    log: silentLogger,
    now: () => clock,
  });
  const outcome = await primitive.invoke({
    transid: { id: 't', start: 1 },
    user: { subject: 'me', namespace: { name: 'me', uuid: 'u' }, authkey: {}, rights: [], limits: {} },
    target: { action: target, parameters },
    payload: undefined,
    waitMs: undefined,
    ...request,
  });
  assert.deepEqual(outcome, { kind: 'accepted', activationId: 'the-id' });
  assert.equal(published.length, 1);
  return published[0] as Published;
}

describe('a primitive invocation', () => {
  it('answers a blocking caller within its limit, in which the time for the message counts', async function () {
    // Less than the limits of the calls.
    this.timeout(27_000);
    for (const waitMs of [29_020, 28_000])
      await publish({ waitMs }, action(), [], { publishMs: 29_000, result: 'none' });
  });

  it('carries the limit on containers, and is refused if that is 0', async () => {
    const limited = (instances: number): Action => action({ limits: { ...action().limits, instances } });
    assert.equal((await publish({}, limited(2))).action.instances, 2);
    assert.equal('instances' in (await publish({})).action, false);
    await assert.rejects(publish({}, limited(0)), NoInstancesError);
  });

  it('names the action at its own place, its revision, and the binding that led there', async () => {
    const { message } = await publish({ target: { action: action(), binding: 'me/b', parameters: [] } });
    assert.deepEqual(message.action, { path: 'ns/p', name: 'a', version: '0.0.7', binding: 'me/b' });
    assert.equal(message.revision, '3-x');
    assert.equal(message.blocking, false);
    assert.equal('cause' in message, false);
  });

  it('lays the payload over the parameters', async () => {
    const parameters = [
      { key: 'a', value: 1 },
      { key: 'b', value: 1 },
    ];
    assert.deepEqual((await publish({ payload: { b: 2 } }, action(), parameters)).message.content, { a: 1, b: 2 });
    assert.deepEqual((await publish({ payload: [1] }, action(), parameters)).message.content, [1]);
    assert.deepEqual((await publish({}, action(), parameters)).message.content, { a: 1, b: 1 });
  });

  it('lays a reference that is the payload over the parameters, without its size', async () => {
    const references = { over: 1, persistence: 'memory', ttlMs: 1 } as const;
    const payload = { $object: 'c/k', bytes: 9 };
    const parameters = [{ key: 'bytes', value: 'own' }];
    const resolved = await publish({ payload, references }, action(), parameters);
    assert.deepEqual(resolved.message.content, { bytes: 'own', $object: 'c/k' });
    assert.deepEqual(resolved.message.references?.preset, ['bytes']);
    const other = [{ key: 'preset', value: 1 }];
    const beside = await publish({ payload: { ...payload, state: 2 }, references }, action(), other);
    assert.deepEqual(beside.message.content, { preset: 1, $object: 'c/k', state: 2 });
    assert.deepEqual(beside.message.references?.preset, ['preset']);
    for (const as of [{ payload }, { payload: { bytes: 9 }, references }]) {
      assert.equal(((await publish(as)).message.content as { bytes: number }).bytes, 9);
    }
  });

  it('says which parameters go to the environment, and which are encrypted unless the payload replaces them', async () => {
    const parameters = [
      { key: 'env', value: 1, init: true },
      { key: 'secret', value: 'x', encryption: 'aes-128' },
      { key: 'replaced', value: 'x', encryption: 'aes-256' },
    ];
    const { message } = await publish({ payload: { replaced: 1 } }, action(), parameters);
    assert.deepEqual(message.initArgs, ['env']);
    assert.deepEqual(message.lockedArgs, { secret: 'aes-128' });
  });

  it('gives the balancer the properties that it needs', async () => {
    const { action: known } = await publish({});
    assert.deepEqual(known, {
      name: { path: 'ns/p', name: 'a', version: '0.0.7' },
      memory: 256,
      concurrency: 3,
      timeout: 1000,
      kind: 'nodejs:20',
      logs: 10,
      blackbox: false,
    });
    const own = action({ exec: { kind: 'blackbox', image: 'someone/image' } });
    assert.equal((await publish({}, own)).action.blackbox, true);
  });

  it('asks for a color: the header\u2019s, the annotation\u2019s, the cause\u2019s', async () => {
    const colored = action({
      annotations: [
        { key: 'color', value: '{id}' },
        { key: 'color-policy', value: 'random' },
      ],
    });
    assert.equal((await publish({})).color, undefined);
    assert.deepEqual((await publish({ payload: { id: 7 } }, colored)).color, { value: '7', policy: 'random' });
    const inherited = { inherited: 'cause' };
    assert.equal((await publish({ color: inherited }, colored)).color?.value, 'cause');
    assert.equal((await publish({ color: { fromHeader: 'h', ...inherited } }, colored)).color?.value, 'h');
  });

  it('passes on a color policy that is not text as an unknown policy', async () => {
    for (const value of [7, null, ['random']]) {
      const annotations = [
        { key: 'color', value: 'blue' },
        { key: 'color-policy', value },
      ];
      assert.equal((await publish({}, action({ annotations }))).color?.policy, JSON.stringify(value));
    }
  });
});
