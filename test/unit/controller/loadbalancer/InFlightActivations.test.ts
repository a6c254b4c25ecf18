import assert from 'node:assert/strict';
import {
  InFlightActivations,
  COMPLETION,
  completionTimeout,
  type AckKind,
  type LostActivation,
} from '../../../../controller/loadbalancer/InFlightActivations.js';
import type { SchedulableAction } from '../../../../controller/loadbalancer/LoadBalancer.js';
import type { Outcome } from '../../../../controller/loadbalancer/supervision.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import type { ActivationMessage, MessageColor } from '../../../../shared/messages/activation.js';
import { activationMessage, activationRecord } from './messages.js';
import {
  combinedMessage,
  completionMessage,
  type Acknowledgement,
  resultMessage,
  shrink,
} from '../../../../shared/messages/acknowledgement.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const invoker = invokerInstance(3, 'host', 1024);
const action: SchedulableAction = {
  name: { path: 'guest', name: 'hello', version: '0.0.1' },
  memory: 256,
  concurrency: 1,
  timeout: 60_000,
  kind: 'nodejs:20',
  logs: 10,
  blackbox: false,
};
const resources = { key: 'guest/hello@0.0.1', memory: 256, concurrency: 1 };

function setUp(timeoutMs = 60_000, busAnswers = () => true) {
  const acks: AckKind[] = [];
  const outcomes: Outcome[] = [];
  const released: number[] = [];
  const lost: LostActivation[] = [];
  const inFlight = new InFlightActivations({
    options: { stdTimeoutMs: timeoutMs, timeoutFactor: 1, timeoutAddonMs: 0 },
    release: (instance) => released.push(instance),
    finished: (_, outcome) => outcomes.push(outcome),
    onLost: (one) => lost.push(one),
    onAck: (kind) => acks.push(kind),
    busAnswers,
  });
  return { inFlight, acks, outcomes, released, lost };
}

describe('activations in flight', () => {
  it('gives an acknowledgement twice the time limit, of a minute at least, and a minute', () => {
    assert.equal(completionTimeout(100, COMPLETION), 180_000);
    assert.equal(completionTimeout(300_000, COMPLETION), 660_000);
  });

  it('counts an invocation until its slot is free', () => {
    const { inFlight, released, outcomes } = setUp();
    const message = activationMessage({ blocking: false });
    const record = activationRecord(message.activationId);
    inFlight.add(message, action, resources, invoker, 0);
    assert.equal(inFlight.total, 1);
    assert.equal(inFlight.ofNamespace(message.user.namespace.uuid), 1);
    inFlight.acknowledge(completionMessage(message.transid, record, invoker));
    assert.equal(inFlight.total, 0);
    assert.equal(inFlight.ofNamespace(message.user.namespace.uuid), 0);
    assert.deepEqual([released, outcomes], [[3], ['success']]);
  });

  it('counts a blocking one for its namespace until its caller has the result, though its slot may be in use', () => {
    const { inFlight, released } = setUp();
    const message = activationMessage({ blocking: true });
    const { uuid } = message.user.namespace;
    const record = activationRecord(message.activationId);
    inFlight.add(message, action, resources, invoker, 0);
    assert.equal(inFlight.ofNamespace(uuid), 1);
    inFlight.acknowledge(resultMessage(message.transid, record));
    assert.deepEqual([inFlight.ofNamespace(uuid), inFlight.total, released], [0, 1, []]);
    inFlight.acknowledge(completionMessage(message.transid, record, invoker));
    assert.deepEqual([inFlight.ofNamespace(uuid), inFlight.total, released], [0, 0, [3]]);
  });

  it('does not wait for the result of a non-blocking one', async () => {
    const { inFlight } = setUp();
    const message = activationMessage({ blocking: false });
    const { result } = inFlight.add(message, action, resources, invoker, 0);
    assert.deepEqual(await result, { kind: 'stored', activationId: message.activationId });
    inFlight.close();
  });

  it('hands on the result, before the completion or after it', async () => {
    for (const order of ['result first', 'completion first', 'both at once']) {
      const { inFlight, released } = setUp();
      const message = activationMessage({ blocking: true });
      const record = activationRecord(message.activationId);
      const { result } = inFlight.add(message, action, resources, invoker, 0);
      if (order === 'both at once') inFlight.acknowledge(combinedMessage(message.transid, record, invoker));
      const acks = [resultMessage(message.transid, record), completionMessage(message.transid, record, invoker)];
      if (order === 'completion first') acks.reverse();
      if (order !== 'both at once') for (const ack of acks) inFlight.acknowledge(ack);
      assert.deepEqual(await result, { kind: 'record', record }, order);
      assert.deepEqual(released, [3], order);
      assert.equal(inFlight.total, 0, order);
    }
  });

  it('says that a record is in the store if it did not fit the bus', async () => {
    const { inFlight } = setUp();
    const message = activationMessage({ blocking: true });
    const { result } = inFlight.add(message, action, resources, invoker, 0);
    inFlight.acknowledge(shrink(combinedMessage(message.transid, activationRecord(message.activationId), invoker)));
    assert.deepEqual(await result, { kind: 'stored', activationId: message.activationId });
  });

  it('tells of system errors', () => {
    const { inFlight, outcomes } = setUp();
    const message = activationMessage({ blocking: false });
    inFlight.add(message, action, resources, invoker, 0);
    inFlight.acknowledge(completionMessage(message.transid, activationRecord(message.activationId, 3), invoker));
    assert.deepEqual(outcomes, ['systemError']);
  });

  it('gives an invocation up when its time is over, and recognizes a late acknowledgement', async () => {
    const { inFlight, acks, outcomes, released, lost } = setUp(5);
    const message = activationMessage({ blocking: true, cause: 'c'.repeat(32) });
    const { result } = inFlight.add(message, { ...action, timeout: 1 }, resources, invoker, 17);
    // The timers of the inFlight do not keep a process alive, so that the test has one of its own.
    const alive = setTimeout(() => undefined, 1000);
    assert.deepEqual(await result, { kind: 'lost', activationId: message.activationId });
    clearTimeout(alive);
    assert.deepEqual([acks, outcomes, released, inFlight.total], [['forced'], ['timeout'], [3], 0]);
    assert.deepEqual(
      lost.map(({ activationId, sentAt, cause, user }) => ({
        activationId,
        sentAt,
        cause,
        namespace: user.namespace.name,
      })),
      [{ activationId: message.activationId, sentAt: 17, cause: 'c'.repeat(32), namespace: 'guest' }],
    );
    inFlight.acknowledge(combinedMessage(message.transid, activationRecord(message.activationId), invoker));
    assert.deepEqual([acks, outcomes, released], [['forced', 'late'], ['timeout'], [3]]);
  });

  it('does not call an invoker unresponsive that has completed others since, when one has waited for too long', async () => {
    const { inFlight, outcomes, acks } = setUp(20);
    const waiting = activationMessage({ blocking: true });
    const { result } = inFlight.add(waiting, { ...action, timeout: 1 }, resources, invoker, 0);
    const other = activationMessage({ blocking: false });
    inFlight.add(other, action, resources, invoker, 0);
    inFlight.acknowledge(completionMessage(other.transid, activationRecord(other.activationId), invoker));
    const alive = setTimeout(() => undefined, 1000);
    assert.equal((await result).kind, 'lost');
    const silent = activationMessage({ blocking: true });
    assert.equal((await inFlight.add(silent, { ...action, timeout: 1 }, resources, invoker, 0).result).kind, 'lost');
    clearTimeout(alive);
    assert.deepEqual(acks, ['regular', 'forced', 'forced']);
    assert.deepEqual(outcomes, ['success', 'timeout'], 'only the one after which nothing was completed');
  });

  it('gives nothing up while the bus is unavailable: waiting activations will still run', async () => {
    let asked = 0;
    const { inFlight, lost, acks, outcomes } = setUp(5, () => {
      asked++;
      return false;
    });
    const message = activationMessage({ blocking: true });
    const record = activationRecord(message.activationId);
    const { result } = inFlight.add(message, { ...action, timeout: 1 }, resources, invoker, 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(asked, 1);
    inFlight.acknowledge(combinedMessage(message.transid, record, invoker));
    assert.deepEqual(await result, { kind: 'record', record });
    assert.deepEqual([lost, acks, outcomes, inFlight.total], [[], ['regular'], ['success'], 0]);
  });

  it('reports no activation lost whose result alone is missing', async () => {
    const { inFlight, lost, acks } = setUp(5);
    const message = activationMessage({ blocking: true });
    const { result } = inFlight.add(message, { ...action, timeout: 1 }, resources, invoker, 0);
    inFlight.acknowledge(completionMessage(message.transid, activationRecord(message.activationId), invoker));
    const alive = setTimeout(() => undefined, 1000);
    assert.equal((await result).kind, 'lost');
    clearTimeout(alive);
    assert.deepEqual([lost, acks], [[], ['regular']]);
  });

  it('knows the acknowledgement of a health test by its transaction', () => {
    const { inFlight, acks, outcomes, released } = setUp();
    const transid = { id: 'sid_invokerHealth', start: 0 };
    inFlight.acknowledge(completionMessage(transid, activationRecord('a'.repeat(32)), invoker));
    assert.deepEqual([acks, outcomes, released], [['healthcheck'], ['success'], []]);
  });

  it('forgets an activation that did not reach the bus', () => {
    const { inFlight, released, acks } = setUp();
    const message = activationMessage({ blocking: true });
    inFlight.add(message, action, resources, invoker, 0);
    inFlight.undo(message.activationId);
    assert.deepEqual([inFlight.total, released, acks], [0, [3], []]);
  });

  it('tells the waiting callers at its end', async () => {
    const { inFlight, lost } = setUp();
    const message = activationMessage({ blocking: true });
    const { result } = inFlight.add(message, action, resources, invoker, 0);
    inFlight.close();
    assert.equal((await result).kind, 'lost');
    assert.deepEqual([lost, inFlight.total], [[], 0]);
  });

  describe('measure how long an invocation took, and whether it met its color', () => {
    const measured = (
      more: Partial<ActivationMessage>,
      acknowledge: (message: ActivationMessage) => Acknowledgement,
    ) => {
      const noted: unknown[] = [];
      const inFlight = new InFlightActivations({
        options: { stdTimeoutMs: 60_000, timeoutFactor: 1, timeoutAddonMs: 0 },
        release: () => {},
        finished: () => {},
        onDuration: (...all) => noted.push(all),
        now: () => 1050,
        onLost: () => {},
        onAck: () => {},
        busAnswers: () => true,
      });
      const message = activationMessage(more);
      inFlight.add(message, action, resources, invoker, 1000);
      inFlight.acknowledge(acknowledge(message));
      return noted;
    };
    const record = (activationId: string, annotations: Readonly<Record<string, Json>>): ActivationRecord => ({
      ...activationRecord(activationId),
      duration: 7,
      annotations: Object.entries(annotations).map(([key, value]) => ({ key, value })),
    });
    const byRecord = (annotations: Readonly<Record<string, Json>>, color?: MessageColor) =>
      measured({ color }, ({ transid, activationId }) =>
        combinedMessage(transid, record(activationId, annotations), invoker),
      );
    const red = { value: 'red', hit: true };

    it('as its record says', () => {
      assert.deepEqual(byRecord({ colorHit: true }, red), [[resources.key, 7, true]]);
      assert.deepEqual(byRecord({ colorHit: false }, red), [[resources.key, 7, false]]);
    });

    it('which is unknown if it started a container, or has no color', () => {
      assert.deepEqual(byRecord({ colorHit: false, initTime: 3 }, red), [[resources.key, 7, undefined]]);
      assert.deepEqual(byRecord({}), [[resources.key, 7, undefined]]);
    });

    it('by the clock and its home if there is no record', () => {
      for (const hit of [true, false]) {
        const noted = measured({ blocking: false, color: { value: 'red', hit } }, ({ transid, activationId }) =>
          completionMessage(transid, record(activationId, {}), invoker),
        );
        assert.deepEqual(noted, [[resources.key, 50, hit]]);
      }
    });
  });
});
