import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Dispatcher } from '../../../../../shared/messaging/kafka/Dispatcher.js';
import type { ConsumerOptions, Delivery, Handled } from '../../../../../shared/messaging/Messaging.js';
import { recordingLogger } from './recordingLogger.js';

describe('Dispatcher', () => {
  function setup(
    handle: (text: string, delivery: Delivery) => Promise<Handled> | Handled,
    limits: Partial<ConsumerOptions<string>> = {},
  ) {
    const { log, lines } = recordingLogger();
    const topic = { name: 'texts', encode: String, decode: String, settings: {} };
    const options = { topic, group: 'g', maxInFlight: 2, handle, ...limits };
    const dispatcher = new Dispatcher<string>(options, log, () => undefined);
    const dispatch = (offset: number, value: string | null = `m${offset}`): boolean =>
      dispatcher.dispatch({ partition: 0, offset, value: value === null ? null : Buffer.from(value), timestamp: 7 });
    return { dispatcher, dispatch, lines };
  }

  it('calls messages redelivered between the position of the group and the end of the topic, and no later ones', () => {
    const seen: [string, boolean][] = [];
    const { dispatcher, dispatch } = setup((text, { redelivered, sentAt }) => {
      assert.equal(sentAt, 7);
      seen.push([text, redelivered]);
    });
    dispatcher.learn([{ partition: 0, committed: 3, end: 5 }]);
    [3, 4, 5, 6].forEach((offset) => dispatch(offset));
    assert.deepEqual(seen, [
      ['m3', true],
      ['m4', true],
      ['m5', false],
      ['m6', false],
    ]);
  });

  it('calls no message redelivered if the group never committed', () => {
    const seen: boolean[] = [];
    const { dispatcher, dispatch } = setup((_, { redelivered }) => void seen.push(redelivered));
    dispatcher.learn([{ partition: 0, committed: undefined, end: 5 }]);
    [0, 4, 5].forEach((offset) => dispatch(offset));
    assert.deepEqual(seen, [false, false, false]);
  });

  it('counts a message until its promise settles, and commits only handled messages', async () => {
    const done: (() => void)[] = [];
    const { dispatcher, dispatch, lines } = setup((text) => {
      if (text === 'm2') throw new Error('at once');
      return new Promise<void>((resolve, reject) =>
        done.push(text === 'm1' ? () => reject(new Error('late')) : resolve),
      );
    });
    dispatch(0);
    dispatch(1);
    assert.equal(dispatcher.inFlight.hasRoom, false);
    assert.deepEqual(dispatcher.committable(), [{ partition: 0, offset: 0 }]);
    done[1]?.();
    await turn();
    assert.equal(dispatcher.inFlight.hasRoom, true);
    assert.deepEqual(dispatcher.committable(), [{ partition: 0, offset: 0 }]);
    dispatch(2);
    done[0]?.();
    await turn();
    assert.deepEqual(dispatcher.committable(), [{ partition: 0, offset: 3 }]);
    dispatcher.committed([{ partition: 0, offset: 3 }]);
    assert.deepEqual(dispatcher.committable(), []);
    assert.deepEqual(lines, [
      'error: could not handle message 1 of topic texts',
      'error: could not handle message 2 of topic texts',
    ]);
  });

  it('does not commit a message that was left, nor those after it, and counts it no more', async () => {
    const { dispatcher, dispatch } = setup(async (text) => (text === 'm1' ? 'left' : undefined));
    for (const offset of [0, 1, 2]) dispatch(offset);
    await dispatcher.inFlight.idle();
    assert.deepEqual(dispatcher.committable(), [{ partition: 0, offset: 1 }]);
  });

  it('counts the bytes of messages as they come', async () => {
    let end = (): void => {};
    const { dispatcher, dispatch } = setup(() => new Promise<void>((resolve) => (end = resolve)), { maxBytes: 5 });
    dispatch(0, '12345');
    assert.equal(dispatcher.inFlight.hasRoom, false);
    end();
    await turn();
    assert.equal(dispatcher.inFlight.hasRoom, true);
  });

  it('has no room while too many messages lie behind the oldest that is not handled', async () => {
    let end = (): void => {};
    const { dispatcher, dispatch } = setup(
      (text) => (text === 'm0' ? new Promise<void>((resolve) => (end = resolve)) : undefined),
      { maxUncommitted: 3 },
    );
    dispatch(0);
    dispatch(1);
    assert.equal(dispatcher.inFlight.hasRoom, true);
    dispatch(2);
    assert.equal(dispatcher.inFlight.hasRoom, false);
    const room = dispatcher.inFlight.room(10_000);
    end();
    assert.equal(await room, true);
  });

  it('gives a message once, also when the next membership fetches it again', () => {
    const seen: string[] = [];
    const { dispatcher, dispatch } = setup((text) => void seen.push(text));
    dispatcher.learn([{ partition: 0, committed: 0, end: 2 }]);
    dispatch(0);
    dispatch(1);
    dispatcher.learn([{ partition: 0, committed: 0, end: 2 }]);
    dispatch(0);
    dispatch(1);
    dispatch(2);
    assert.deepEqual(seen, ['m0', 'm1', 'm2']);
    assert.deepEqual(dispatcher.committable(), [{ partition: 0, offset: 3 }], 'the broker said that it has none of it');
  });

  it('commits no places of partitions that the group has not assigned to it, also where it begins at the latest messages', () => {
    const { dispatcher, dispatch } = setup(() => undefined, { from: 'latest' });
    const places = [0, 1].map((partition) => ({ partition, committed: undefined, end: 5 + partition }));
    dispatcher.learn(places);
    dispatcher.assign([1]);
    assert.deepEqual(dispatcher.committable(), [{ partition: 1, offset: 6 }]);
    dispatcher.assign([0, 1]);
    dispatch(5);
    assert.deepEqual(dispatcher.committable(), [
      { partition: 0, offset: 6 },
      { partition: 1, offset: 6 },
    ]);
    dispatcher.assign([1]);
    assert.deepEqual(dispatcher.committable(), [{ partition: 1, offset: 6 }], 'another member has partition 0 now');
  });

  it('gives an empty record to the codec as an empty text', () => {
    const seen: string[] = [];
    setup((text) => void seen.push(text)).dispatch(0, null);
    assert.deepEqual(seen, ['']);
  });

  it('calls nothing redelivered of a partition of which it learned nothing', () => {
    const seen: boolean[] = [];
    const { dispatch } = setup((_, { redelivered }) => void seen.push(redelivered));
    dispatch(0);
    assert.deepEqual(seen, [false]);
  });

  it('counts an empty record as no bytes, and nothing before the first message as not committed', () => {
    const pending = () => new Promise<void>(() => {});
    const empty = setup(pending, { maxBytes: 1 });
    empty.dispatch(0, null);
    assert.equal(empty.dispatcher.inFlight.hasRoom, true);
    const fresh = setup(pending, { maxUncommitted: 1 });
    fresh.dispatcher.learn([{ partition: 0, committed: 3, end: 5 }]);
    assert.equal(fresh.dispatcher.inFlight.hasRoom, true);
    fresh.dispatch(3);
    assert.equal(fresh.dispatcher.inFlight.hasRoom, false);
  });
});
