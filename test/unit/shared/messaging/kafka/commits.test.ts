import assert from 'node:assert/strict';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../../suites/messaging.js';
import { FakeError } from './FakeKafka.js';
import { failingCommits, setup } from './consumerSetup.js';

describe('the commits of a GroupConsumer', () => {
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
