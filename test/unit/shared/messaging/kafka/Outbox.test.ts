import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { BusUnavailableError } from '../../../../../shared/messaging/Messaging.js';
import { Pacer } from '../../../../../shared/process/Pacer.js';
import type { Failure, Outgoing } from '../../../../../shared/messaging/kafka/library.js';
import { Outbox } from '../../../../../shared/messaging/kafka/Outbox.js';

const message = (text: string): Outgoing => ({ key: null, value: Buffer.from(text) });
const texts = (messages: readonly Outgoing[]): string[] => messages.map(({ value }) => value.toString());

/** A transport whose requests end when the test says so. */
function transport() {
  const requests: { messages: string[]; succeed: () => void; fail: (error: Error) => void }[] = [];
  const transmit = (messages: readonly Outgoing[]): Promise<void> =>
    new Promise((resolve, reject) => {
      requests.push({ messages: texts(messages), succeed: resolve, fail: reject });
    });
  return { requests, transmit };
}

const LASTING = { limitMs: Number.POSITIVE_INFINITY };

/** What an error means is what its message says. */
const classify = (error: unknown): Failure => {
  const text = error instanceof Error ? error.message : '';
  return text === 'transient' || text === 'tooLarge' ? text : 'other';
};

const outboxOf = (maxBytes: number, transmit: ReturnType<typeof transport>['transmit'], pacer?: Pacer): Outbox =>
  new Outbox({ maxBytes, transmit, classify, pacer, retryMs: 1 });

describe('Outbox', () => {
  it('sends the first message at once, and later ones together', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const sent = ['a', 'b', 'c'].map((text) => outbox.add(message(text), LASTING));
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
    const outbox = outboxOf(250, transmit);
    const sent = ['a', 'x'.repeat(100), 'y'.repeat(100), 'z'.repeat(900), 'w'].map((text) =>
      outbox.add(message(text), LASTING),
    );
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

  it('fails the messages of a failed request, and continues with the next ones', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const first = outbox.add(message('a'), LASTING);
    const second = outbox.add(message('b'), LASTING);
    requests[0]?.fail(new Error('away'));
    await assert.rejects(first, /away/);
    await turn();
    requests[1]?.succeed();
    await second;
    await turn();
    const third = outbox.add(message('c'), LASTING);
    assert.deepEqual(requests[2]?.messages, ['c']);
    requests[2].succeed();
    await third;
  });

  it('lets a message with patience wait for the next one without, in their order', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const patient = outbox.add(message('a'), { patienceMs: 60_000, ...LASTING });
    await turn();
    assert.equal(requests.length, 0);
    const urgent = outbox.add(message('b'), LASTING);
    assert.deepEqual(requests[0]?.messages, ['a', 'b']);
    const later = outbox.add(message('c'), { patienceMs: 60_000, ...LASTING });
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
    const outbox = outboxOf(1000, transmit);
    const sent = [60_000, 5, 60_000].map((patienceMs, i) =>
      outbox.add(message('abc'[i] ?? ''), { patienceMs, ...LASTING }),
    );
    while (requests.length === 0) await turn();
    assert.deepEqual(requests[0]?.messages, ['a', 'b', 'c']);
    requests[0].succeed();
    await Promise.all(sent);
  });

  it('rests after a request with several due messages, as long as its pacer says, and takes along later ones', async () => {
    const { requests, transmit } = transport();
    const pacer = new Pacer({ factor: 2, minMs: 40, maxMs: 40 });
    const outbox = outboxOf(1000, transmit, pacer);
    const sent = ['a', 'b', 'c'].map((text) => outbox.add(message(text), LASTING));
    requests[0]?.succeed();
    await sent[0];
    // Of two timers, the one that begins earlier and is shorter ends first, however busy the machine is.
    let rested = false;
    setTimeout(() => (rested = true), 39);
    await turn();
    assert.deepEqual(requests[1]?.messages, ['b', 'c'], 'one due message is not a rush');
    sent.push(outbox.add(message('d'), LASTING));
    requests[1].succeed();
    await sent[1];
    await turn();
    sent.push(outbox.add(message('e'), LASTING));
    assert.equal(requests.length, 2);
    while (requests.length === 2) await turn();
    assert.ok(rested);
    assert.deepEqual(requests[2]?.messages, ['d', 'e']);
    requests[2].succeed();
    await Promise.all(sent);
  });

  it('takes along in a rush what other events of the same turn of the event loop add', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit, new Pacer({ factor: 0, maxMs: 0 }));
    const sent = ['a', 'b', 'c'].map((text) => outbox.add(message(text), LASTING));
    requests[0]?.succeed();
    while (requests.length === 1) await turn();
    requests[1]?.succeed();
    await Promise.all(sent);
    await turn();
    const first = outbox.add(message('d'), LASTING);
    await Promise.resolve();
    const second = outbox.add(message('e'), LASTING);
    assert.equal(requests.length, 2);
    while (requests.length === 2) await turn();
    assert.deepEqual(requests[2]?.messages, ['d', 'e']);
    requests[2].succeed();
    await Promise.all([first, second]);
  });

  it('sends a due message at once after requests with at most one, whatever patient ones they carried', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit, new Pacer({ factor: 2, minMs: 60_000, maxMs: 60_000 }));
    const patient = ['a', 'b'].map((text) => outbox.add(message(text), { patienceMs: 1, ...LASTING }));
    while (requests.length === 0) await turn();
    assert.deepEqual(requests[0]?.messages, ['a', 'b']);
    const first = outbox.add(message('c'), LASTING);
    requests[0].succeed();
    await Promise.all(patient);
    await turn();
    assert.deepEqual(requests[1]?.messages, ['c']);
    requests[1].succeed();
    await first;
    await turn();
    const second = outbox.add(message('d'), LASTING);
    assert.deepEqual(requests[2]?.messages, ['d']);
    requests[2].succeed();
    await second;
  });

  it('ends a rush after three requests with one due message', async () => {
    class AskedPacer extends Pacer {
      asked = 0;
      override rest(): number {
        this.asked++;
        return 0;
      }
    }
    const pacer = new AskedPacer({ factor: 2, maxMs: 10 });
    const outbox = outboxOf(1000, () => Promise.resolve(), pacer);
    const asked: number[] = [];
    for (const due of [1, 1, 3, 1, 1, 1, 1, 1]) {
      // The first of several goes alone, the others together.
      await Promise.all(Array.from({ length: due }, () => outbox.add(message('a'), LASTING)));
      asked.push(pacer.asked);
    }
    assert.deepEqual(asked, [0, 0, 0, 1, 2, 3, 3, 3]);
  });

  it('sends the same messages again while the bus is unavailable, and later messages after them', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const sent = ['a', 'b', 'c'].map((text) => outbox.add(message(text), LASTING));
    for (let tries = 0; tries < 3; tries++) {
      requests[tries]?.fail(new Error('transient'));
      while (requests.length === tries + 1) await turn();
    }
    requests[3]?.succeed();
    while (requests.length === 4) await turn();
    requests[4]?.succeed();
    await Promise.all(sent);
    assert.deepEqual(
      requests.map(({ messages }) => messages.join('')),
      ['a', 'a', 'a', 'a', 'bc'],
    );
  });

  it('ends a message in time that waits behind a request without an answer, and the one in that request', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const first = assert.rejects(outbox.add(message('a'), { limitMs: 100 }), BusUnavailableError);
    // It is overdue at the latest when the first is, however slowly this machine comes from one line to the next.
    const second = assert.rejects(outbox.add(message('b'), { limitMs: 1 }), BusUnavailableError);
    const lasting = outbox.add(message('c'), LASTING);
    await Promise.all([first, second]);
    while (requests.length === 1) await turn();
    assert.deepEqual(requests[1]?.messages, ['c'], 'the overdue one is not sent any more');
    requests[1].succeed();
    await lasting;
  });

  it('ends a message in time that has less time than those before it', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const first = outbox.add(message('a'), { limitMs: 3_600_000 });
    await assert.rejects(outbox.add(message('b'), { limitMs: 1 }), BusUnavailableError);
    requests[0]?.succeed();
    await first;
  });

  it('leaves the overdue messages of a failed request out of the next try', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const first = outbox.add(message('a'), LASTING);
    const limited = outbox.add(message('b'), { limitMs: 20 });
    const lasting = outbox.add(message('c'), LASTING);
    requests[0]?.succeed();
    await first;
    await turn();
    assert.deepEqual(requests[1]?.messages, ['b', 'c']);
    await assert.rejects(limited, BusUnavailableError);
    requests[1].fail(new Error('transient'));
    while (requests.length === 2) await turn();
    assert.deepEqual(requests[2]?.messages, ['c']);
    requests[2].succeed();
    await lasting;
  });

  it('halves a batch that is refused for its size, so that only a message that does not fit fails', async () => {
    const requests: string[] = [];
    const outbox = outboxOf(1000, (messages) => {
      requests.push(texts(messages).join(''));
      const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
      return bytes > 2 ? Promise.reject(new Error('tooLarge')) : Promise.resolve();
    });
    const sent = ['a', 'b', 'c', 'ddd', 'e'].map((text) => outbox.add(message(text), LASTING));
    const outcomes = await Promise.allSettled(sent);
    assert.deepEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
      [true, true, true, false, true],
    );
    assert.deepEqual(requests, ['a', 'bcddde', 'bc', 'ddde', 'ddd', 'e']);
  });

  it('makes smaller requests once it knows that the topic takes less', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const sent = ['a', 'x'.repeat(100), 'y'.repeat(100)].map((text) => outbox.add(message(text), LASTING));
    outbox.shrink(250);
    for (let i = 0; i < 3; i++) {
      while (requests.length <= i) await turn();
      requests[i]?.succeed();
    }
    await Promise.all(sent);
  });

  it('gives the remaining messages a last time limit when it is closed', async () => {
    const { requests, transmit } = transport();
    const outbox = outboxOf(1000, transmit);
    const sent = ['a', 'b'].map((text) => assert.rejects(outbox.add(message(text), LASTING), BusUnavailableError));
    await outbox.idle(10);
    await Promise.all(sent);
    assert.equal(requests.length, 1);
  });
});
