import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { BusRefusedError } from '../../../../../shared/messaging/Messaging.js';
import { until } from '../../../../suites/messaging.js';
import { FakeError } from './FakeKafka.js';
import { setup, TIMES } from './consumerSetup.js';

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
    assert.match(given[0] ?? '', /after 1 attempt, retrying: the attempt had no response for 0.02 s/);
    assert.match(given[1] ?? '', /after 2 attempts, retrying: the attempt had no response for 0.04 s/);
    assert.match(lines.at(-1) ?? '', /is a member again after \d+ ms and \d+ attempts/);
    kafka.members[1]?.finishJoin?.();
    await turn();
    await kafka.members[1]?.fetch();
    assert.deepEqual(got, [], 'a membership that comes too late hands nothing over');
    await consumer.close();
  });

  it('goes on with an attempt to join while the broker responds, within a limit', async () => {
    const { kafka, consumer, lines } = setup({ times: { ...TIMES, attemptMs: [200, 200], wholeAttemptMs: 1000 } });
    await consumer.start();
    const [first] = kafka.members;
    assert.ok(first);
    first.holdJoin = true;
    first.sink.lost(new FakeError('transient'));
    await until(() => kafka.members.length === 2);
    const responding = setInterval(() => kafka.members[1]?.sink.responded(), 10);
    await until(() => kafka.members.length === 3);
    clearInterval(responding);
    first.holdJoin = false;
    kafka.members[2]?.finishJoin?.();
    await until(() => lines.some((line) => line.includes('is a member again')));
    const given = lines.filter((line) => line.includes('cannot join group g yet'));
    assert.match(given[0] ?? '', /retrying: the attempt had no result for 1 s/);
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

  it('leaves with each membership that may still have its place when it is closed while it joins', async () => {
    const { kafka, consumer } = setup();
    await consumer.start();
    kafka.faults.set('join', () => {
      throw new FakeError('transient');
    });
    kafka.members[0]?.sink.lost(new FakeError('transient'));
    await until(() => kafka.members.length > 4);
    const former = kafka.members.slice(0, 4);
    assert.deepEqual(
      former.map(({ keepsPlace }) => keepsPlace),
      [true, true, true, true],
    );
    await consumer.close();
    assert.deepEqual(
      former.map(({ keepsPlace }) => keepsPlace),
      [false, false, false, false],
    );
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
    health.answered();
    await until(() => kafka.members[1]?.state === 'joined');
    await consumer.close();
  });

  it('joins anew, with a warning, if its fetches get no response while the bus answers and the coordinator knows it', async () => {
    const { kafka, consumer, clock, lines } = setup();
    await consumer.start();
    const [first] = kafka.members;
    assert.ok(first);
    first.sink.fetched();
    const passes = async (ms: number): Promise<void> => {
      clock.now += ms;
      first.sink.alive();
      await sleep(5);
    };
    await passes(29_999);
    assert.equal(kafka.members.length, 1);
    first.sink.fetched();
    await passes(29_999);
    assert.equal(kafka.members.length, 1);
    await passes(1);
    await until(() => kafka.members[1]?.state === 'joined');
    assert.ok(lines.some((line) => line.startsWith('warn') && line.includes('gets no response to its fetches')));
    // The next membership is of a library that does not tell its fetches.
    clock.now += 60_000;
    kafka.members[1]?.sink.alive();
    await sleep(5);
    assert.equal(kafka.members.length, 2);
    await consumer.close();
  });

  it('takes no time without partitions for fetches without a response, and commits only its own partitions', async () => {
    const { kafka, consumer, clock } = setup();
    kafka.append('t', ['a']);
    await consumer.start();
    const [first] = kafka.members;
    assert.ok(first);
    first.sink.fetched();
    first.sink.assigned([]);
    const passes = async (ms: number): Promise<void> => {
      clock.now += ms;
      first.sink.alive();
      await sleep(5);
    };
    await passes(60_000);
    await first.fetch();
    await consumer.close();
    assert.equal(kafka.members.length, 1);
    assert.equal(kafka.committed.size, 0, 'another member has the partition');

    const again = setup();
    await again.consumer.start();
    const [member] = again.kafka.members;
    assert.ok(member);
    member.sink.fetched();
    member.sink.assigned([]);
    again.clock.now += 60_000;
    member.sink.assigned([0]);
    again.clock.now += 29_999;
    member.sink.alive();
    await sleep(5);
    assert.equal(again.kafka.members.length, 1, 'only the time with partitions counts');
    again.clock.now += 1;
    member.sink.alive();
    await until(() => again.kafka.members[1]?.state === 'joined');
    await again.consumer.close();
  });

  it('takes no time without room for messages for fetches without a response', async () => {
    let finish: (() => void) | undefined;
    const handle = (): Promise<void> => new Promise((resolve) => (finish = resolve));
    const { kafka, consumer, clock } = setup({ maxInFlight: 1, handle });
    kafka.append('t', ['a', 'b']);
    await consumer.start();
    const [first] = kafka.members;
    first?.sink.fetched();
    let waits = 0;
    const fetching = first?.fetch(() => {
      clock.now += 20_000;
      first.sink.alive();
      waits++;
      return sleep(5);
    });
    await until(() => waits > 2);
    assert.equal(kafka.members.length, 1);
    finish?.();
    await fetching;
    finish?.();
    await consumer.close();
  }).timeout(30_000);

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
});
