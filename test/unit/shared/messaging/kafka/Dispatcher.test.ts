import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Dispatcher } from '../../../../../shared/messaging/kafka/Dispatcher.js';
import type { Delivery } from '../../../../../shared/messaging/Messaging.js';
import { recordingLogger } from './recordingLogger.js';

describe('Dispatcher', () => {
  function setup(handle: (text: string, delivery: Delivery) => Promise<void> | void) {
    const { log, lines } = recordingLogger();
    const topic = { name: 'texts', encode: String, decode: String, settings: {} };
    const dispatcher = new Dispatcher<string>({ topic, group: 'g', maxInFlight: 2, handle }, log, () => undefined);
    const dispatch = (offset: number, value: string | null = `m${offset}`): void =>
      dispatcher.dispatch({ partition: 0, offset, value: value === null ? null : Buffer.from(value), timestamp: 7 });
    return { dispatcher, dispatch, lines };
  }

  it('calls redelivered what was in the topic between the place of the group and its end, and nothing after it', () => {
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

  it('calls nothing redelivered where the group never committed', () => {
    const seen: boolean[] = [];
    const { dispatcher, dispatch } = setup((_, { redelivered }) => void seen.push(redelivered));
    dispatcher.learn([{ partition: 0, committed: undefined, end: 5 }]);
    [0, 4, 5].forEach((offset) => dispatch(offset));
    assert.deepEqual(seen, [false, false, false]);
  });

  it('counts a message until its promise settles, and commits none that is not handled', async () => {
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
      'error: message 1 of topic texts could not be handled',
      'error: message 2 of topic texts could not be handled',
    ]);
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

  it('gives an empty record to the codec as an empty text', () => {
    const seen: string[] = [];
    setup((text) => void seen.push(text)).dispatch(0, null);
    assert.deepEqual(seen, ['']);
  });
});
