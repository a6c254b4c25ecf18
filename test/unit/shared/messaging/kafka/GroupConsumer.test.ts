import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { BusHealth } from '../../../../../shared/messaging/kafka/BusHealth.js';
import type { ConsumerTimes } from '../../../../../shared/messaging/kafka/consumerTimes.js';
import { GroupConsumer } from '../../../../../shared/messaging/kafka/GroupConsumer.js';
import { BusRefusedError } from '../../../../../shared/messaging/Messaging.js';
import { until } from '../../../../suites/messaging.js';
import { classify, FakeError, FakeKafka } from './FakeKafka.js';
import { recordingLogger } from './recordingLogger.js';

/** Short pauses; what takes seconds is decided by the clock of the test. */
const TIMES: Partial<ConsumerTimes> = {
  commitMs: 1,
  watchMs: 1,
  joinMs: [1, 1],
  refusedMs: 1,
  unreadableMs: [1, 1],
  leaveMs: 1,
  lastMs: 1000,
};

function setup({
  maxInFlight = 10,
  handle,
  from = 'earliest',
  times = TIMES,
}: {
  maxInFlight?: number;
  handle?: (text: string) => Promise<void> | void;
  from?: 'earliest' | 'latest';
  times?: Partial<ConsumerTimes>;
} = {}) {
  const kafka = new FakeKafka();
  const { log, lines } = recordingLogger();
  const clock = { now: 1_000_000 };
  const now = (): number => clock.now;
  const got: string[] = [];
  const topic = { name: 't', encode: String, decode: String, settings: {} };
  const health = new BusHealth(log, 'fake', now);
  const consumer = new GroupConsumer<string>({
    options: {
      topic,
      group: 'g',
      from,
      maxInFlight,
      handle: (text) => {
        got.push(text);
        return handle?.(text);
      },
    },
    fetcher: (sink) => kafka.fetcher({ topic: 't', group: 'g', member: 'm', from }, sink),
    places: () => {
      kafka.fault('places');
      return Promise.resolve(kafka.places('t', 'g'));
    },
    classify,
    health,
    log,
    brokers: 'h:9092',
    times,
    now,
  });
  return { kafka, lines, clock, got, health, consumer };
}

describe('GroupConsumer', () => {
  it('joins, hands over in order, commits handled messages, and leaves', async () => {
    const { kafka, got, consumer } = setup();
    kafka.append('t', ['a', 'b']);
    await consumer.start();
    assert.equal(consumer.state, 'member');
    assert.equal(await kafka.members[0]?.fetch(), 2);
    assert.deepEqual(got, ['a', 'b']);
    await until(() => kafka.committed.get('g') === 2);
    await consumer.close();
    assert.equal(consumer.state, 'closed');
    assert.equal(kafka.members[0]?.state, 'closed');
  });

  it('tries to join until it is let in, and each try gives its membership back', async () => {
    const { kafka, consumer, lines } = setup();
    let failures = 5;
    kafka.faults.set('join', () => {
      if (failures-- > 0) throw new FakeError('other');
    });
    await consumer.start();
    assert.equal(kafka.members.length, 6);
    assert.deepEqual(
      kafka.members.map(({ state }) => state),
      ['closed', 'closed', 'closed', 'closed', 'closed', 'joined'],
    );
    assert.match(lines.join(), /cannot join group g yet/);
    await consumer.close();
  });

  it('fails the start with a clear error if the brokers refuse it', async () => {
    const { kafka, consumer } = setup();
    kafka.faults.set('places', () => {
      throw new FakeError('refused');
    });
    await assert.rejects(consumer.start(), (error: Error) => {
      assert.ok(error instanceof BusRefusedError);
      assert.match(error.message, /refuses to let group g read topic t/);
      return true;
    });
    assert.equal(kafka.members.length, 1);
    assert.equal(consumer.state, 'failed');
    await consumer.close();
  });

  it('takes no place in the group when it is closed while it joins', async () => {
    const { kafka, got, consumer } = setup();
    kafka.append('t', ['a']);
    const starting = consumer.start();
    const [membership] = kafka.members;
    assert.ok(membership);
    membership.holdJoin = true;
    await until(() => membership.finishJoin !== undefined);
    const closing = consumer.close();
    membership.finishJoin?.();
    await assert.rejects(starting, /closed/);
    await closing;
    await turn();
    assert.equal(membership.state, 'closed');
    await membership.fetch();
    assert.deepEqual(got, []);
    assert.equal(consumer.state, 'closed');
    assert.equal(kafka.members.length, 1);
  });

  it('does not try again when it is closed between two tries', async () => {
    const { kafka, consumer } = setup();
    kafka.faults.set('join', () => {
      throw new FakeError('transient');
    });
    const starting = assert.rejects(consumer.start(), /closed/);
    await until(() => kafka.members.length > 2);
    await consumer.close();
    await starting;
    const { length } = kafka.members;
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(kafka.members.length, length);
  });

  it('joins anew when the library gives up, and hands nothing over twice', async () => {
    const { kafka, got, consumer, lines } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    const [first] = kafka.members;
    await first?.fetch();
    first?.sink.lost(new FakeError('transient'));
    await until(() => kafka.members[1]?.state === 'joined');
    await until(() => consumer.state === 'member');
    kafka.append('t', ['b']);
    await first?.fetch();
    assert.deepEqual(got, ['a'], 'the former membership hands nothing over');
    await kafka.members[1]?.fetch();
    assert.deepEqual(got, ['a', 'b']);
    await until(() => lines.some((line) => line.includes('is a member again')));
    assert.ok(lines.some((line) => line.startsWith('warn') && line.includes('has lost its membership')));
    await consumer.close();
  });

  it('goes on trying after the first join, and says once that it is refused and once that this is over', async () => {
    const { kafka, consumer, lines, clock } = setup();
    await consumer.start();
    let refusals = 3;
    kafka.faults.set('join', () => {
      if (refusals-- > 0) throw new FakeError('refused');
    });
    kafka.members[0]?.sink.lost(new Error('crash'));
    await until(() => refusals < 0 && consumer.state === 'member');
    clock.now += 2;
    await until(() => lines.some((line) => line.includes('group g reads topic t again')));
    assert.equal(lines.filter((line) => line.includes('group g may not read topic t')).length, 1);
    await consumer.close();
  });

  it('says once that its requests are refused, although the group lets it in each time', async () => {
    const { kafka, consumer, lines } = setup();
    await consumer.start();
    for (let loss = 0; loss < 3; loss++) {
      await until(() => consumer.state === 'member');
      kafka.members.at(-1)?.sink.lost(new FakeError('refused'));
      await until(() => consumer.state === 'joining');
    }
    await until(() => consumer.state === 'member');
    const warnings = lines.filter((line) => line.startsWith('warn'));
    assert.deepEqual(warnings, ['warn: group g may not read topic t, retrying: refused']);
    await consumer.close();
  });

  const failingCommits = (error: Error) => (): never => {
    throw error;
  };

  it('joins anew, with a warning, when the bus answers but takes neither commits nor heartbeats for seconds', async () => {
    const { kafka, consumer, clock, health, lines } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.faults.set('commit', failingCommits(new FakeError('transient')));
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.filter((call) => call === 'commit').length > 2);
    clock.now += 9999;
    health.answered();
    await sleep(5);
    assert.equal(kafka.members.length, 1);
    clock.now += 1;
    health.answered();
    await until(() => kafka.members.length === 2);
    kafka.faults.delete('commit');
    await until(() => kafka.committed.get('g') === 1);
    assert.ok(lines.some((line) => line.startsWith('warn') && line.includes('cannot commit offsets')));
    assert.equal(kafka.members[0]?.rejoins, true, 'its place in the group may be kept');
    await consumer.close();
    assert.equal(kafka.members[1]?.rejoins, false);
  });

  it('commits in its next membership while a commit of the former one has no response yet', async () => {
    const { kafka, consumer } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.heldCommit = new Promise(() => undefined);
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    kafka.heldCommit = undefined;
    kafka.members[0]?.sink.lost(new FakeError('transient'));
    await until(() => kafka.members[1]?.state === 'joined');
    await until(() => kafka.committed.get('g') === 1);
    await consumer.close();
  });

  it('keeps a membership that the coordinator confirms while commits are late, for a while', async () => {
    const { kafka, consumer, clock } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.faults.set('commit', failingCommits(new FakeError('transient')));
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    for (let seconds = 0; seconds < 19; seconds++) {
      clock.now += 1000;
      kafka.members[0]?.sink.alive();
      await sleep(2);
    }
    assert.equal(kafka.members.length, 1);
    clock.now += 1000;
    kafka.members[0]?.sink.alive();
    await until(() => kafka.members.length === 2);
    await consumer.close();
  });

  it('joins anew soon if the coordinator says to a commit that it does not know the member', async () => {
    const { kafka, consumer, clock } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    const unknown = Object.assign(new FakeError('other'), { type: 'UNKNOWN_MEMBER_ID' });
    kafka.faults.set('commit', failingCommits(unknown));
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    clock.now += 5000;
    kafka.members[0]?.sink.alive();
    await until(() => kafka.members.length === 2);
    await consumer.close();
  });

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

  it('gives up an attempt to join that has no result, tells the number of attempts, and takes no place by it', async () => {
    const { kafka, got, consumer, lines } = setup({ times: { ...TIMES, attemptMs: [20, 40] } });
    kafka.append('t', ['a']);
    await consumer.start();
    const [first] = kafka.members;
    assert.ok(first);
    first.holdJoin = true;
    first.sink.lost(new FakeError('transient'));
    await until(() => kafka.members.length > 3);
    first.holdJoin = false;
    await until(() => lines.some((line) => line.includes('is a member again')));
    const given = lines.filter((line) => line.startsWith('warn') && line.includes('cannot join group g yet'));
    assert.match(given[0] ?? '', /after 1 attempt, retrying: the attempt had no result for 0.02 s/);
    assert.match(given[1] ?? '', /after 2 attempts, retrying: the attempt had no result for 0.04 s/);
    assert.match(lines.at(-1) ?? '', /is a member again after \d+ ms and \d+ attempts/);
    kafka.members[1]?.finishJoin?.();
    await turn();
    await kafka.members[1]?.fetch();
    assert.deepEqual(got, [], 'a membership that comes too late hands nothing over');
    await consumer.close();
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

  it('keeps its place in the group only if it joins anew at once', async () => {
    const { kafka, consumer } = setup({ times: { ...TIMES, unreadableMs: [20, 20] } });
    await consumer.start();
    const lose = async (error: Error): Promise<void> => {
      const { length } = kafka.members;
      kafka.members.at(-1)?.sink.lost(error);
      await until(() => consumer.state === 'member' && kafka.members.length > length);
    };
    await lose(new FakeError('transient'));
    await lose(new RangeError('short'));
    await lose(new RangeError('short'));
    await lose(new FakeError('refused'));
    assert.deepEqual(
      kafka.members.map(({ rejoins }) => rejoins),
      [true, true, false, false, undefined],
    );
    // It is closed before the next membership has the place.
    kafka.faults.set('join', () => {
      throw new FakeError('transient');
    });
    const last = kafka.members.at(-1);
    last?.sink.lost(new FakeError('transient'));
    await until(() => last?.rejoins === true && kafka.members.length > 6);
    await consumer.close();
    assert.equal(last?.rejoins, false);

    const refused = setup();
    refused.kafka.faults.set('join', () => {
      throw new FakeError('refused');
    });
    await assert.rejects(refused.consumer.start(), BusRefusedError);
    assert.equal(refused.kafka.members[0]?.rejoins, false);
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

  it('keeps its membership while the bus is silent, also before that counts as an outage', async () => {
    const { kafka, consumer, clock, health } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.faults.set('commit', () => {
      throw new FakeError('transient');
    });
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    clock.now += 60_000;
    assert.ok(health.isUp());
    await new Promise((resolve) => setTimeout(resolve, 5));
    kafka.faults.delete('commit');
    await until(() => kafka.committed.get('g') === 1);
    assert.equal(kafka.members.length, 1);
    await consumer.close();
  });

  it('keeps its membership through an outage, however long', async () => {
    const { kafka, consumer, clock, health } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.faults.set('commit', () => {
      health.failed(new FakeError('transient'));
      throw new FakeError('transient');
    });
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    clock.now += 600_000;
    health.failed(new FakeError('transient'));
    await new Promise((resolve) => setTimeout(resolve, 5));
    kafka.faults.delete('commit');
    health.answered();
    await until(() => kafka.committed.get('g') === 1);
    kafka.members[0]?.sink.alive();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(kafka.members.length, 1);
    await consumer.close();
  });

  it('joins anew when the bus answers but the coordinator does not know it', async () => {
    const { kafka, consumer, clock, health } = setup();
    await consumer.start();
    clock.now += 14_000;
    kafka.members[0]?.sink.alive();
    clock.now += 14_999;
    health.answered();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(kafka.members.length, 1);
    clock.now += 1;
    kafka.members[0]?.sink.answered();
    await until(() => kafka.members[1]?.state === 'joined');
    await consumer.close();
  });

  it('joins anew although the former coordinator does not respond to the leave', async () => {
    const { kafka, consumer, lines } = setup({ times: { ...TIMES, lastMs: Number.POSITIVE_INFINITY } });
    await consumer.start();
    const [first] = kafka.members;
    assert.ok(first);
    let asked = false;
    first.close = () => {
      asked = true;
      return new Promise<void>(() => undefined);
    };
    first.sink.lost(new FakeError('transient'));
    await until(() => lines.some((line) => line.includes('is a member again')));
    assert.ok(asked);
    assert.equal(kafka.members[1]?.state, 'joined');
    await consumer.close();
    assert.equal(kafka.members[1]?.state, 'closed');
  });

  it('hands over no more than the handler has room for, and keeps the membership alive meanwhile', async () => {
    const done: (() => void)[] = [];
    const { kafka, got, consumer } = setup({
      maxInFlight: 2,
      handle: () => new Promise((resolve) => done.push(resolve)),
    });
    kafka.append('t', ['a', 'b', 'c']);
    await consumer.start();
    let beats = 0;
    const fetching = kafka.members[0]?.fetch(() => Promise.resolve(void beats++));
    await until(() => beats === 1);
    assert.deepEqual(got, ['a', 'b']);
    done[0]?.();
    assert.equal(await fetching, 3);
    assert.deepEqual(got, ['a', 'b', 'c']);
    done.forEach((end) => end());
    await consumer.close();
    assert.equal(kafka.committed.get('g'), 3);
  });

  it('waits for the handler when it closes, and gives it no more', async () => {
    let finish: (() => void) | undefined;
    const { kafka, got, consumer } = setup({
      maxInFlight: 1,
      handle: () => new Promise((resolve) => (finish = resolve)),
    });
    kafka.append('t', ['a', 'b']);
    await consumer.start();
    const fetching = kafka.members[0]?.fetch();
    await until(() => got.length === 1);
    let closed = false;
    const closing = consumer.close().then(() => (closed = true));
    assert.equal(await fetching, 1);
    await turn();
    assert.equal(closed, false);
    finish?.();
    await closing;
    assert.deepEqual(got, ['a']);
    assert.equal(kafka.committed.get('g'), 1);
  });

  it('begins at the end if it asks for the latest and the group never committed', async () => {
    const { kafka, got, consumer } = setup({ from: 'latest' });
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.append('t', ['b']);
    await kafka.members[0]?.fetch();
    assert.deepEqual(got, ['b']);
    await consumer.close();
  });

  it('skips no message if it asks for the latest, also if it joins anew before its first message or commit', async () => {
    const idle = setup({ from: 'latest' });
    idle.kafka.append('t', ['a']);
    await idle.consumer.start();
    await until(() => idle.kafka.committed.get('g') === 1);
    await idle.consumer.close();

    const { kafka, got, consumer } = setup({ from: 'latest' });
    kafka.append('t', ['a']);
    kafka.faults.set('commit', failingCommits(new FakeError('transient')));
    await consumer.start();
    kafka.append('t', ['b']);
    kafka.members[0]?.sink.lost(new FakeError('transient'));
    await until(() => consumer.state === 'member' && kafka.members.length === 2);
    await kafka.members[1]?.fetch();
    assert.deepEqual(got, ['b']);
    kafka.faults.clear();
    await consumer.close();
  });

  it('joins anew for a failed commit only while none has succeeded since', async () => {
    const { kafka, consumer, clock } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    kafka.faults.set('commit', failingCommits(Object.assign(new FakeError('other'), { type: 'UNKNOWN_MEMBER_ID' })));
    await kafka.members[0]?.fetch();
    await until(() => kafka.calls.includes('commit'));
    kafka.faults.clear();
    await until(() => kafka.committed.get('g') === 1);
    // The next commit gets no answer for a while.
    let answer: (() => void) | undefined;
    const [member] = kafka.members;
    assert.ok(member);
    member.commit = () => new Promise<void>((resolve) => (answer = resolve));
    kafka.append('t', ['b']);
    await member.fetch();
    await until(() => answer !== undefined);
    clock.now += 6000;
    member.sink.alive();
    await sleep(5);
    assert.equal(kafka.members.length, 1);
    answer?.();
    await consumer.close();
  });
});
