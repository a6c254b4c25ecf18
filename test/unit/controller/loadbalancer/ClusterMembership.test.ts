import assert from 'node:assert/strict';
import { ClusterMembership } from '../../../../controller/loadbalancer/ClusterMembership.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Producer } from '../../../../shared/messaging/Messaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { eventually } from '../../../e2e/eventually.js';

describe('ClusterMembership', () => {
  const topic = topics().controllers;
  let messaging: EmbeddedMessaging;
  let producer: Producer;
  let cluster: ClusterMembership;
  let changes: [controllers: readonly string[], silent: readonly string[]][];

  beforeEach(async () => {
    messaging = new EmbeddedMessaging();
    producer = await messaging.producer();
    changes = [];
    cluster = await ClusterMembership.start({
      messaging,
      topic,
      logger: silentLogger,
      self: '0',
      options: { heartbeatMs: 2, missed: 20 },
      onChange: (...change) => void changes.push(change),
    });
  });
  afterEach(async () => {
    await cluster.close();
    await messaging.close();
  });

  it('tells of a controller that fell silent', async () => {
    await producer.send(topic, { controller: '1' });
    await eventually(async () => assert.equal(changes.length, 2));
    assert.deepEqual(changes, [
      [['0', '1'], []],
      [['0'], ['1']],
    ]);
  });

  it('does not take a controller for silent that said goodbye', async () => {
    await producer.send(topic, { controller: '1' });
    await producer.send(topic, { controller: '1', leaving: true });
    await eventually(async () => assert.equal(changes.length, 2));
    assert.deepEqual(changes, [
      [['0', '1'], []],
      [['0'], []],
    ]);
  });
});

describe('the membership of a controller', () => {
  it('is known to the others within a heartbeat, and ends with it', async () => {
    const messaging = new EmbeddedMessaging();
    const seen: string[][] = [];
    const join = (self: string) =>
      ClusterMembership.start({
        messaging,
        topic: topics().controllers,
        logger: silentLogger,
        self,
        options: { heartbeatMs: 10, missed: 5 },
        onChange: (controllers) => {
          if (self === '0') seen.push([...controllers]);
        },
      });
    const until = (condition: () => boolean): Promise<void> => eventually(() => assert.ok(condition()));
    const zero = await join('0');
    assert.deepEqual(zero.members, ['0']);
    assert.equal(zero.isLeader, true);
    const one = await join('1');
    await until(() => zero.members.length === 2 && one.members.length === 2);
    assert.equal(one.isLeader, false);
    await zero.close();
    await until(() => one.members.length === 1);
    assert.equal(one.isLeader, true);
    await one.close();
    assert.deepEqual(seen, [['0', '1']]);
  });
});
