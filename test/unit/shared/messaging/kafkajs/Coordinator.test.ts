import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { chain } from '../../../../../shared/messaging/kafka/causes.js';
import { coordinatorOf, type Coordinator } from '../../../../../shared/messaging/kafkajs/Coordinator.js';
import { classify } from '../../../../../shared/messaging/kafkajs/errors.js';
import { until } from '../../../../suites/messaging.js';

const protocolError = (type: string): Error => Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type });

/** Whether kafkajs does not repeat a request that failed so. */
const isFinal = (error: unknown): boolean =>
  error instanceof Error && 'retriable' in error && error.retriable === false;

/** A broker of kafkajs, and what it was asked. */
class FakeBroker {
  connected = true;
  version = 5;
  readonly calls: string[] = [];
  readonly joins: Readonly<Record<string, unknown>>[] = [];
  readonly commits: number[] = [];
  readonly faults = new Map<string, () => Promise<unknown>>();

  isConnected(): boolean {
    return this.connected;
  }
  lookupRequest(_key: number, _definition: unknown) {
    return (fields: object) => {
      this.joins.push({ ...fields });
      return { request: { apiVersion: this.version } };
    };
  }
  async joinGroup(request: object): Promise<{ generationId: number; memberId: string }> {
    this.lookupRequest(11, {})(request);
    await this.call('join');
    return { generationId: 3, memberId: 'me' };
  }
  syncGroup(): Promise<unknown> {
    return this.call('sync');
  }
  heartbeat(request: { memberId: string; groupGenerationId: number }): Promise<unknown> {
    return this.call(`heartbeat ${request.memberId} ${request.groupGenerationId}`);
  }
  leaveGroup(): Promise<unknown> {
    return this.call('leave');
  }
  offsetCommit(request?: { offset: number }): Promise<unknown> {
    if (request) this.commits.push(request.offset);
    return this.call('commit');
  }
  offsetFetch(): Promise<unknown> {
    return this.call('offsets');
  }

  async call(what: string): Promise<unknown> {
    this.calls.push(what);
    await (this.faults.get(what.split(' ')[0] ?? '')?.() ?? Promise.resolve());
    return what;
  }
}

describe('the coordinator of a group, for kafkajs', () => {
  function setup({ heartbeatMs = 1, patienceMs = 60_000 } = {}) {
    const first = new FakeBroker();
    const second = new FakeBroker();
    const found = { broker: first, times: 0, wait: Promise.resolve() };
    const cluster = {
      findGroupCoordinator: (_group: { groupId: string }): Promise<FakeBroker> => {
        found.times++;
        return found.wait.then(() => found.broker);
      },
    };
    const told = { alive: 0, rejoined: [] as string[] };
    const clock = { now: 1000 };
    const coordinator = coordinatorOf({
      cluster,
      group: 'g',
      instance: 'one',
      heartbeatMs,
      patienceMs,
      onAlive: () => void told.alive++,
      onRejoined: (ms, cause) => void told.rejoined.push(`${ms} ms ${cause.message}`),
      now: () => clock.now,
    });
    assert.ok(coordinator);
    made.push(coordinator);
    return { cluster, coordinator, found, first, second, told, clock };
  }
  const made: Coordinator[] = [];
  afterEach(() => made.splice(0).forEach((coordinator) => coordinator.giveUp()));

  /** As kafkajs joins. */
  async function join({ cluster }: ReturnType<typeof setup>): Promise<FakeBroker> {
    const broker = await cluster.findGroupCoordinator({ groupId: 'g' });
    await broker.joinGroup({ memberId: '' });
    await broker.syncGroup();
    return broker;
  }

  it('is joined as a static member, and is looked up once for all requests', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, found, coordinator } = parts;
    const broker = await join(parts);
    assert.deepEqual(first.joins, [{ memberId: '', groupInstanceId: 'one' }]);
    assert.equal(coordinator.isStatic, true);
    await broker.offsetFetch();
    await broker.offsetCommit();
    await broker.leaveGroup();
    assert.deepEqual(first.calls, ['join', 'sync', 'offsets', 'commit', 'leave']);
    assert.equal(found.times, 1);
  });

  it('knows that an old broker has no static members', async () => {
    const parts = setup();
    parts.first.version = 4;
    await join(parts);
    assert.equal(parts.coordinator.isStatic, false);
  });

  it('joins as another member if the broker refuses static members', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, coordinator } = parts;
    first.faults.set('join', () =>
      first.joins.at(-1)?.['groupInstanceId'] === undefined
        ? Promise.resolve()
        : Promise.reject(protocolError('UNSUPPORTED_VERSION')),
    );
    await join(parts);
    assert.deepEqual(
      first.joins.map(({ groupInstanceId }) => groupInstanceId),
      ['one', undefined],
    );
    assert.equal(coordinator.isStatic, false);
    await join(parts);
    assert.equal(first.joins.length, 3, 'it is refused once');
    assert.deepEqual(parts.told.rejoined, []);
  });

  it('gets heartbeats by the clock, whether or not kafkajs asks for them, and none after the leave', async () => {
    const parts = setup();
    const broker = await join(parts);
    await until(() => parts.told.alive > 3);
    assert.equal(parts.first.calls[2], 'heartbeat me 3');
    await broker.leaveGroup();
    const { length } = parts.first.calls;
    await broker.heartbeat({ memberId: 'me', groupGenerationId: 3 });
    await sleep(10);
    assert.equal(parts.first.calls.length, length);
  });

  it('gets one heartbeat at a time', async () => {
    const parts = setup();
    let answer: (() => void) | undefined;
    parts.first.faults.set('heartbeat', () => new Promise<never>((_, reject) => (answer = () => reject(new Error()))));
    await join(parts);
    await until(() => answer !== undefined);
    await sleep(10);
    assert.equal(parts.first.calls.length, 3);
    answer?.();
    await until(() => parts.first.calls.length === 4);
  });

  it('is found again after it has moved, by heartbeats and by commits', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, second, found } = parts;
    const broker = await join(parts);
    found.broker = second;
    first.faults.set('commit', () => Promise.reject(protocolError('NOT_COORDINATOR_FOR_GROUP')));
    await assert.rejects(broker.offsetCommit(), { cause: protocolError('NOT_COORDINATOR_FOR_GROUP') });
    await broker.offsetCommit();
    assert.deepEqual(second.calls, ['commit']);

    const beating = setup();
    await join(beating);
    await until(() => beating.told.alive > 0);
    beating.found.broker = beating.second;
    beating.first.faults.set('heartbeat', () => Promise.reject(new Error('the connection was closed')));
    await until(() => beating.second.calls.includes('heartbeat me 3'));
    const { alive } = beating.told;
    await until(() => beating.told.alive > alive);
  });

  it('knows a member also if the answer to its heartbeat is late', async () => {
    const parts = setup({ patienceMs: 1 });
    const answers: (() => void)[] = [];
    const held = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    parts.first.faults.set('heartbeat', held);
    await join(parts);
    await until(() => answers.length > 2);
    const { alive } = parts.told;
    answers[0]?.();
    await until(() => parts.told.alive > alive);
  });

  it('is found again if it is frozen or not connected', async () => {
    const parts = setup({ patienceMs: 5 });
    const { first, second, found } = parts;
    first.faults.set('heartbeat', () => new Promise<never>(() => undefined));
    await join(parts);
    found.broker = second;
    await until(() => second.calls.includes('heartbeat me 3'));
    second.connected = false;
    const { times } = found;
    await until(() => found.times > times);
  });

  it('tells kafkajs that the member is unknown, sends no more heartbeats, and tells how long the next join took', async () => {
    const parts = setup();
    const { first, told, clock } = parts;
    const broker = await join(parts);
    first.faults.set('heartbeat', () => Promise.reject(protocolError('UNKNOWN_MEMBER_ID')));
    await until(() => first.calls.includes('heartbeat me 3'));
    const beat = { memberId: 'me', groupGenerationId: 3 };
    await assert.rejects(broker.heartbeat(beat), /UNKNOWN_MEMBER_ID/);
    await sleep(10);
    assert.equal(first.calls.filter((call) => call.startsWith('heartbeat')).length, 1);
    first.faults.clear();
    clock.now += 70;
    await join(parts);
    assert.deepEqual(told.rejoined, ['70 ms UNKNOWN_MEMBER_ID']);
    await broker.heartbeat(beat);
    assert.equal(parts.found.times, 1, 'the coordinator itself has said it');
  });

  it('still gets heartbeats during a rebalance, until kafkajs joins again', async () => {
    const parts = setup();
    const { first } = parts;
    const broker = await join(parts);
    first.faults.set('heartbeat', () => Promise.reject(protocolError('REBALANCE_IN_PROGRESS')));
    await until(() => first.calls.length > 6);
    await assert.rejects(broker.heartbeat({ memberId: 'me', groupGenerationId: 3 }), /REBALANCE_IN_PROGRESS/);
  });

  it('gets each commit once and in order, however kafkajs repeats failed requests', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, second, found, cluster } = parts;
    await join(parts);
    const cause = protocolError('REQUEST_TIMED_OUT');
    first.faults.set('commit', () => Promise.reject(cause));
    const broker = await cluster.findGroupCoordinator({ groupId: 'g' });
    const failed: unknown = await broker.offsetCommit({ offset: 100 }).catch((error: unknown) => error);
    assert.ok(isFinal(failed));
    assert.ok(chain(failed).includes(cause), 'its cause is found');
    assert.equal(classify(failed), 'transient');

    // The first commit still looks for the coordinator when the second one begins.
    found.broker = second;
    const outcomes = await Promise.allSettled([
      broker.offsetCommit({ offset: 120 }),
      broker.offsetCommit({ offset: 150 }),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'fulfilled'],
    );
    assert.deepEqual([...first.commits, ...second.commits], [100, 150]);
  });

  it('has kafkajs join again after a join of its own has failed', async () => {
    for (const step of ['join', 'sync']) {
      const parts = setup({ heartbeatMs: 60_000 });
      const { first, told, clock } = parts;
      first.faults.set(step, () => Promise.reject(new Error('the broker is slow')));
      await assert.rejects(join(parts), /slow/);
      first.faults.clear();
      const broker = await join(parts);
      assert.deepEqual(told.rejoined, [], 'the first join was no loss');
      const beat = { memberId: 'me', groupGenerationId: 3 };
      await broker.heartbeat(beat);

      const slow = new Error('the broker is slow');
      first.faults.set(step, () => Promise.reject(slow));
      await assert.rejects(join(parts), { type: 'REBALANCE_IN_PROGRESS', cause: slow });
      await assert.rejects(broker.heartbeat(beat), { type: 'REBALANCE_IN_PROGRESS' });
      first.faults.clear();
      clock.now += 40;
      await join(parts);
      await broker.heartbeat(beat);
      assert.equal(told.rejoined.length, 1);
    }
  });

  it('has kafkajs repeat a failed join at once after the member was unknown, since kafkajs then sends no heartbeats', async () => {
    const parts = setup();
    const { first } = parts;
    const broker = await join(parts);
    first.faults.set('heartbeat', () => Promise.reject(protocolError('UNKNOWN_MEMBER_ID')));
    await until(() => first.calls.includes('heartbeat me 3'));
    await assert.rejects(broker.heartbeat({ memberId: 'me', groupGenerationId: 3 }), { type: 'UNKNOWN_MEMBER_ID' });
    const timeout = Object.assign(new Error('no answer'), { name: 'KafkaJSRequestTimeoutError', retriable: true });
    first.faults.set('join', () => Promise.reject(timeout));
    await assert.rejects(join(parts), { type: 'REBALANCE_IN_PROGRESS', cause: timeout });
    // kafkajs repeats these itself, or must not.
    for (const answer of [
      protocolError('UNKNOWN_MEMBER_ID'),
      Object.assign(protocolError('GROUP_AUTHORIZATION_FAILED'), { retriable: false }),
    ]) {
      first.faults.set('join', () => Promise.reject(answer));
      await assert.rejects(join(parts), answer);
    }
  });

  it('gets nothing more from a membership that was given up, also not a join that kafkajs begins later', async () => {
    const parts = setup();
    const { cluster, coordinator, first } = parts;
    const broker = await join(parts);
    coordinator.giveUp();
    const { length } = first.calls;
    await assert.rejects(cluster.findGroupCoordinator({ groupId: 'g' }), isFinal);
    await assert.rejects(broker.joinGroup({}), isFinal);
    await assert.rejects(broker.offsetCommit(), isFinal);
    await assert.rejects(broker.heartbeat({ memberId: 'me', groupGenerationId: 3 }), isFinal);
    await assert.rejects(broker.leaveGroup(), isFinal);
    await sleep(10);
    assert.equal(first.calls.length, length);
  });

  it('gets no join after the end of joins, although its lookup began before', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, cluster, coordinator, found } = parts;
    const broker = await cluster.findGroupCoordinator({ groupId: 'g' });
    let find: (() => void) | undefined;
    found.wait = new Promise<void>((resolve) => (find = resolve));
    const joining = assert.rejects(broker.joinGroup({}), isFinal);
    await until(() => found.times === 1);
    await coordinator.endJoins();
    find?.();
    await joining;
    await assert.rejects(broker.syncGroup(), isFinal);
    assert.deepEqual(first.calls, []);
  });

  it('is left by a member that joined while the joins ended', async () => {
    for (const step of ['join', 'sync']) {
      const parts = setup({ heartbeatMs: 60_000 });
      const { first, coordinator } = parts;
      let answer: (() => void) | undefined;
      first.faults.set(step, () => new Promise<void>((resolve) => (answer = resolve)));
      const joining = assert.rejects(join(parts), isFinal);
      await until(() => answer !== undefined);
      const ended = coordinator.endJoins();
      answer?.();
      await Promise.all([ended, joining]);
      assert.equal(first.calls.at(-1), 'leave');
      assert.equal(coordinator.isMember, false);
    }
  });

  it('is left once, also by a membership that was given up', async () => {
    const parts = setup({ heartbeatMs: 60_000 });
    const { first, coordinator } = parts;
    await join(parts);
    coordinator.giveUp();
    await coordinator.leave();
    await coordinator.leave();
    assert.deepEqual(first.calls, ['join', 'sync', 'leave']);
    const silent = setup({ heartbeatMs: 60_000 });
    silent.first.faults.set('leave', () => Promise.reject(protocolError('UNKNOWN_MEMBER_ID')));
    await join(silent);
    await silent.coordinator.leave();
  });

  it('is looked up again if the last lookup hangs', async () => {
    const parts = setup({ patienceMs: 2 });
    const { first, second, found, told } = parts;
    await join(parts);
    await until(() => told.alive > 1);
    found.wait = new Promise(() => undefined);
    first.connected = false;
    const { times } = found;
    await until(() => found.times > times);
    found.broker = second;
    found.wait = Promise.resolve();
    await until(() => second.calls.includes('heartbeat me 3'));
  });

  it('is left to kafkajs where its cluster has another form', () => {
    const nothing = (): void => undefined;
    const options = {
      group: 'g',
      instance: 'one',
      heartbeatMs: 1,
      patienceMs: 1,
      onAlive: nothing,
      onRejoined: nothing,
    };
    assert.equal(coordinatorOf({ ...options, cluster: {} }), undefined);
  });
});
