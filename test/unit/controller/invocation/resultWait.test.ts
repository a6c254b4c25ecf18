import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { waitForResult } from '../../../../controller/invocation/resultWait.js';
import type { InvocationOutcome } from '../../../../controller/invocation/Invocation.js';
import type { Acknowledged } from '../../../../controller/loadbalancer/LoadBalancer.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';

const record: ActivationRecord = {
  activationId: 'a',
  namespace: 'ns',
  name: 'n',
  version: '0.0.1',
  subject: 's',
  publish: false,
  start: 1,
  end: 2,
  response: { statusCode: 0, result: { ok: true } },
  logs: ['a line'],
  annotations: [],
};

/** Lets promises settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe('waitForResult', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  interface Wait {
    outcome?: InvocationOutcome | undefined;
    looks: number;
    acknowledge: (ack: Acknowledged) => void;
  }

  /** A wait, and what is known of it. */
  function begin(waitMs: number, stored: () => Promise<ActivationRecord | undefined>): Wait {
    const state: Wait = {
      looks: 0,
      acknowledge: () => assert.fail(),
    };
    const result = new Promise<Acknowledged>((resolve) => (state.acknowledge = resolve));
    const fetch = () => {
      state.looks++;
      return stored();
    };
    void waitForResult({ activationId: 'a', invoker: invokerInstance(0, '0', 1), result }, waitMs, {
      fetch,
      transid: { id: 'tid', start: 0 },
      log: silentLogger,
    }).then((outcome) => (state.outcome = outcome));
    return state;
  }

  /** Lets time pass in steps of a second. */
  async function pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      mock.timers.tick(1000);
      await settle();
    }
  }

  it('gives the record that comes on the bus, without looking into the store', async () => {
    const wait = begin(60_000, () => Promise.resolve(undefined));
    wait.acknowledge({ kind: 'record', record });
    await settle();
    assert.deepEqual(wait.outcome, { kind: 'record', record });
    await pass(70);
    assert.equal(wait.looks, 0);
  });

  it('gives the id when the wait is over', async () => {
    const wait = begin(5000, () => Promise.resolve(undefined));
    await pass(4);
    assert.equal(wait.outcome, undefined);
    await pass(1);
    assert.deepEqual(wait.outcome, { kind: 'accepted', activationId: 'a' });
    wait.acknowledge({ kind: 'record', record });
    await settle();
    assert.deepEqual(wait.outcome, { kind: 'accepted', activationId: 'a' });
  });

  it('looks into the store every 15 s while no acknowledgement comes', async () => {
    const wait = begin(60_000, () => Promise.resolve(wait.looks === 3 ? record : undefined));
    await pass(44);
    assert.equal(wait.looks, 2);
    await pass(1);
    assert.deepEqual(wait.outcome, { kind: 'record', record: { ...record, logs: [] } });
  });

  it('looks after 1, 4, 9 and 16 s if the record did not fit the bus, then every 15 s', async () => {
    const wait = begin(60_000, () => Promise.resolve(undefined));
    wait.acknowledge({ kind: 'stored', activationId: 'a' });
    await settle();
    const looks: number[] = [];
    for (let second = 1; second <= 32; second++) {
      const before = wait.looks;
      await pass(1);
      if (wait.looks > before) looks.push(second);
    }
    assert.deepEqual(looks, [1, 4, 9, 16, 31]);
  });

  it('continues if the store fails', async () => {
    const wait = begin(60_000, () => (wait.looks === 1 ? Promise.reject(new Error('away')) : Promise.resolve(record)));
    wait.acknowledge({ kind: 'lost', activationId: 'a' });
    await settle();
    await pass(3);
    assert.equal(wait.looks, 1);
    await pass(1);
    assert.deepEqual(wait.outcome, { kind: 'record', record: { ...record, logs: [] } });
  });

  it('looks soon after an acknowledgement without the record, although an earlier look is still under way', async () => {
    let answer: (nothing: undefined) => void = () => assert.fail();
    const slow = new Promise<undefined>((resolve) => (answer = resolve));
    const wait = begin(60_000, () => (wait.looks === 1 ? slow : Promise.resolve(record)));
    await pass(15);
    assert.equal(wait.looks, 1);
    wait.acknowledge({ kind: 'stored', activationId: 'a' });
    await settle();
    answer(undefined);
    await settle();
    await pass(1);
    assert.deepEqual(wait.outcome, { kind: 'record', record: { ...record, logs: [] } });
  });
});
