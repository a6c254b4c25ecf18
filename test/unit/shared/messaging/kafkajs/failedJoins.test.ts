import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { coordinatorOf, type Coordinator } from '../../../../../shared/messaging/kafkajs/Coordinator.js';
import { until } from '../../../../suites/messaging.js';

/** The parts of kafkajs 2.2.4 that its types leave out: one consumer as a member of its group. */
interface ConsumerGroup {
  memberId: string | null;
  joinAndSync(): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
}
const GroupOfKafkajs = createRequire(import.meta.url)('kafkajs/src/consumer/consumerGroup.js') as new (
  options: object,
) => ConsumerGroup;

const failure = (type: string, retriable: boolean): Error =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable });

describe('a join of kafkajs that fails', () => {
  const made: Coordinator[] = [];
  afterEach(() => made.splice(0).forEach((coordinator) => coordinator.giveUp()));

  function setup() {
    const faults = { join: [] as Error[], heartbeat: undefined as Error | undefined };
    const asked: string[] = [];
    const broker = {
      isConnected: () => true,
      joinGroup: async () => {
        asked.push('join');
        const fault = faults.join.shift();
        if (fault) throw fault;
        return { generationId: 1, memberId: 'me', leaderId: 'other', members: [], groupProtocol: 'p' };
      },
      syncGroup: () => Promise.resolve({ memberAssignment: Buffer.alloc(0) }),
      heartbeat: async () => {
        asked.push('heartbeat');
        if (faults.heartbeat) throw faults.heartbeat;
      },
    };
    const cluster = {
      findGroupCoordinator: (): Promise<unknown> => Promise.resolve(broker),
      committedOffsets: () => ({}),
    };
    const coordinator = coordinatorOf({
      cluster,
      group: 'g',
      instance: 'one',
      heartbeatMs: 1,
      patienceMs: 60_000,
      onAlive: () => undefined,
      onRejoined: () => undefined,
    });
    assert.ok(coordinator);
    made.push(coordinator);
    const silent = (): void => undefined;
    const group = new GroupOfKafkajs({
      cluster,
      groupId: 'g',
      topics: [],
      topicConfigurations: {},
      assigners: [],
      logger: { namespace: () => ({ debug: silent, info: silent, warn: silent, error: silent }) },
      instrumentationEmitter: { emit: silent },
      retry: { initialRetryTime: 1, maxRetryTime: 1, retries: 10 },
    });
    return { faults, asked, group };
  }

  it('is repeated after the coordinator had forgotten the member, of which kafkajs then has no id for heartbeats', async () => {
    const { faults, asked, group } = setup();
    await group.joinAndSync();
    faults.heartbeat = failure('UNKNOWN_MEMBER_ID', false);
    await until(() => asked.includes('heartbeat'));
    await assert.rejects(group.heartbeat({ interval: 0 }), { type: 'UNKNOWN_MEMBER_ID' });
    // As kafkajs does at this answer.
    group.memberId = null;
    faults.heartbeat = undefined;
    asked.length = 0;
    const timeout = Object.assign(new Error('no answer'), { name: 'KafkaJSRequestTimeoutError', retriable: true });
    faults.join = [timeout, failure('COORDINATOR_LOAD_IN_PROGRESS', true), failure('UNKNOWN_MEMBER_ID', false)];
    await group.joinAndSync();
    assert.equal(asked.filter((request) => request === 'join').length, 4);
    assert.equal(group.memberId, 'me');
  });

  it('ends the membership if it is refused, or if it is the first one', async () => {
    const { faults, group } = setup();
    faults.join = [new Error('no answer')];
    await assert.rejects(group.joinAndSync(), /no answer/);
    await group.joinAndSync();
    faults.join = [failure('GROUP_AUTHORIZATION_FAILED', false)];
    await assert.rejects(group.joinAndSync(), { type: 'GROUP_AUTHORIZATION_FAILED' });
  });
});
