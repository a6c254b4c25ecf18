import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Pace } from '../../../../../shared/process/Pace.js';
import { Outbox, type Outgoing } from '../../../../../shared/messaging/kafka/Outbox.js';

const message = (text: string): Outgoing => ({ key: null, value: Buffer.from(text) });
const texts = (messages: readonly Outgoing[]): string[] => messages.map(({ value }) => value.toString());

/** A transport whose requests end when the test says so. */
function transport() {
  const requests: { messages: string[]; succeed: () => void; fail: (error: Error) => void }[] = [];
  const transmit = (messages: Outgoing[]): Promise<void> =>
    new Promise((resolve, reject) => {
      requests.push({ messages: texts(messages), succeed: resolve, fail: reject });
    });
  return { requests, transmit };
}

describe('Outbox', () => {
  it('sends the first at once and what comes meanwhile together', async () => {
    const { requests, transmit } = transport();
    const outbox = new Outbox(1000, transmit);
    const sent = ['a', 'b', 'c'].map((text) => outbox.add(message(text)));
    assert.deepEqual(
      requests.map(({ messages }) => messages),
      [['a']],
    );
    requests[0]?.succeed();
    await sent[0];
    await turn();
    assert.deepEqual(requests[1]?.messages, ['b', 'c']);
    requests[1].succeed();
    await Promise.all(sent);
  });

  it('makes no request larger than the topic takes, unless one message is', async () => {
    const { requests, transmit } = transport();
    const outbox = new Outbox(250, transmit);
    const sent = ['a', 'x'.repeat(100), 'y'.repeat(100), 'z'.repeat(900), 'w'].map((text) => outbox.add(message(text)));
    for (let i = 0; i < sent.length; i++) {
      await turn();
      requests[i]?.succeed();
    }
    await Promise.all(sent);
    assert.deepEqual(
      requests.map(({ messages }) => messages.map((text) => text[0]).join('')),
      ['a', 'x', 'y', 'z', 'w'],
    );
  });

  it('fails those of a failed request and goes on with the next', async () => {
    const { requests, transmit } = transport();
    const outbox = new Outbox(1000, transmit);
    const first = outbox.add(message('a'));
    const second = outbox.add(message('b'));
    requests[0]?.fail(new Error('away'));
    await assert.rejects(first, /away/);
    await turn();
    requests[1]?.succeed();
    await second;
    const third = outbox.add(message('c'));
    assert.deepEqual(requests[2]?.messages, ['c']);
    requests[2].succeed();
    await third;
  });

  it('lets a message with patience wait for the next one without, in their order', async () => {
    const { requests, transmit } = transport();
    const outbox = new Outbox(1000, transmit);
    const patient = outbox.add(message('a'), 60_000);
    await turn();
    assert.equal(requests.length, 0);
    const urgent = outbox.add(message('b'));
    assert.deepEqual(requests[0]?.messages, ['a', 'b']);
    const later = outbox.add(message('c'), 60_000);
    requests[0].succeed();
    await Promise.all([patient, urgent]);
    await turn();
    assert.equal(requests.length, 1, 'a request that ends does not hurry it');
    const idle = outbox.idle();
    assert.deepEqual(requests[1]?.messages, ['c'], 'the end does');
    requests[1].succeed();
    await Promise.all([idle, later]);
  });

  it('sends a message with patience when the time of the first is over', async () => {
    const { requests, transmit } = transport();
    const outbox = new Outbox(1000, transmit);
    const sent = [60_000, 5, 60_000].map((patience, i) => outbox.add(message('abc'[i] ?? ''), patience));
    while (requests.length === 0) await turn();
    assert.deepEqual(requests[0]?.messages, ['a', 'b', 'c']);
    requests[0].succeed();
    await Promise.all(sent);
  });

  it('rests in a rush, as long as its pace says, and takes along what comes meanwhile', async () => {
    const { requests, transmit } = transport();
    const pace = new Pace({ factor: 2, minMs: 40, maxMs: 40 });
    const outbox = new Outbox(1000, transmit, pace);
    const began = performance.now();
    const sent = ['a', 'b'].map((text) => outbox.add(message(text)));
    assert.deepEqual(requests[0]?.messages, ['a']);
    requests[0].succeed();
    await sent[0];
    await turn();
    sent.push(outbox.add(message('c')));
    assert.equal(requests.length, 1);
    while (requests.length === 1) await turn();
    // Timers count in whole ms, of a clock that is read now and then.
    assert.ok(performance.now() - began > 35, 'it rested');
    assert.deepEqual(requests[1]?.messages, ['b', 'c']);
    requests[1].succeed();
    await Promise.all(sent);
  });
});
