import assert from 'node:assert/strict';
import { until } from '../../../../suites/messaging.js';
import { FakeError } from './FakeKafka.js';
import { failingCommits, setup, TIMES } from './consumerSetup.js';

describe('a GroupConsumer and damaged messages', () => {
  it('counts no answer of the coordinator as a damaged message, however often it joins anew', async () => {
    const types = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID', undefined];
    for (const type of types) {
      const { kafka, consumer, clock, lines } = setup({ times: { ...TIMES, unreadableMs: [600_000, 600_000] } });
      kafka.append('t', ['a']);
      await consumer.start();
      await kafka.members[0]?.fetch();
      kafka.faults.set('commit', failingCommits(Object.assign(new FakeError('other'), { type })));
      kafka.append('t', ['b']);
      await kafka.members[0]?.fetch();
      for (let losses = 1; losses <= 3; losses++) {
        await until(() => consumer.state === 'member' && kafka.members.length === losses);
        const { length } = kafka.calls;
        await until(() => kafka.calls.slice(length).includes('commit'));
        clock.now += 20_000;
        kafka.members.at(-1)?.sink.alive();
      }
      await until(() => consumer.state === 'member' && kafka.members.length === 4);
      // The library itself may give up at such an answer.
      const last = type === undefined ? 3 : 6;
      for (let losses = 4; losses <= last; losses++) {
        await until(() => consumer.state === 'member' && kafka.members.length === losses);
        kafka.members.at(-1)?.sink.lost(Object.assign(new FakeError('other'), { type }));
      }
      await until(() => consumer.state === 'member');
      assert.equal(consumer.isUnreadable, false);
      assert.deepEqual(
        lines.filter((line) => line.startsWith('error')),
        [],
      );
      kafka.faults.clear();
      await consumer.close();
    }
  });

  it('joins anew after growing pauses while its next message cannot be read, tells that once, and how to go on', async () => {
    const { kafka, got, consumer, lines, clock } = setup({ times: { ...TIMES, unreadableMs: [1, 4] } });
    kafka.append('t', ['a']);
    await consumer.start();
    await kafka.members[0]?.fetch();
    for (let losses = 1; losses <= 5; losses++) {
      await until(() => consumer.state === 'member' && kafka.members.length === losses);
      // The message before the damaged one may come again, and does not count.
      await kafka.members.at(-1)?.fetch();
      kafka.members.at(-1)?.sink.lost(new RangeError('a record of -1 bytes'));
      assert.equal(consumer.isUnreadable, losses > 1);
    }
    const errors = lines.filter((line) => line.startsWith('error'));
    assert.equal(errors.length, 1, lines.join('\n'));
    assert.match(errors[0] ?? '', /cannot read topic t, partition 0 from offset 1 on: a record of -1 bytes/);
    assert.match(
      errors[0] ?? '',
      /--bootstrap-server h:9092 --group g --topic t:0 --reset-offsets --to-offset 2 --execute/,
    );
    await until(() => consumer.state === 'member' && kafka.members.length === 6);
    kafka.append('t', ['b']);
    await kafka.members.at(-1)?.fetch();
    assert.deepEqual(got, ['a', 'b']);
    assert.equal(consumer.isUnreadable, false);
    assert.equal(lines.filter((line) => line.includes('can read its messages again')).length, 1);
    // A membership that lasts has read: its end begins no outage.
    for (let losses = 6; losses <= 8; losses++) {
      await until(() => consumer.state === 'member' && kafka.members.length === losses);
      clock.now += 60_000;
      kafka.members.at(-1)?.sink.lost(new Error('crash'));
      assert.equal(consumer.isUnreadable, false);
    }
    await consumer.close();
  });

  it('ends a pause when it is closed', async () => {
    const { kafka, consumer } = setup({ times: { ...TIMES, unreadableMs: [600_000, 600_000] } });
    await consumer.start();
    kafka.members[0]?.sink.lost(new RangeError('short'));
    await until(() => consumer.state === 'member' && kafka.members.length === 2);
    kafka.members[1]?.sink.lost(new RangeError('short'));
    await consumer.close();
    assert.equal(kafka.members.length, 2);
  });
});
