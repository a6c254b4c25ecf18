import assert from 'node:assert/strict';
import { UnreadableMessages, unreadableLine } from '../../../../../shared/messaging/kafka/UnreadableMessages.js';

describe('messages that cannot be read', () => {
  it('are an outage from the second time on, with pauses that double up to the longest', () => {
    const unreadable = new UnreadableMessages([1000, 30_000]);
    assert.deepEqual(unreadable.failed(false), { pauseMs: 0, begins: false });
    assert.equal(unreadable.isUnreadable, false);
    const pauses = Array.from({ length: 7 }, () => unreadable.failed(false));
    assert.deepEqual(
      pauses.map(({ pauseMs }) => pauseMs),
      [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
    );
    assert.deepEqual(
      pauses.map(({ begins }) => begins),
      [true, false, false, false, false, false, false],
    );
  });

  it('are over with the next message, or if a membership has read for a while', () => {
    const unreadable = new UnreadableMessages([1000, 30_000]);
    assert.equal(unreadable.read(), false);
    unreadable.failed(false);
    assert.equal(unreadable.read(), false, 'no outage has begun');
    unreadable.failed(false);
    unreadable.failed(false);
    assert.equal(unreadable.read(), true);
    assert.equal(unreadable.read(), false);
    unreadable.failed(true);
    assert.deepEqual(unreadable.failed(true), { pauseMs: 0, begins: false });
    assert.deepEqual(unreadable.failed(false), { pauseMs: 1000, begins: true });
  });

  it('are told with their place, and with the command that gives them up', () => {
    const where = { topic: 'invoker0', group: 'invoker0', brokers: 'a:1,b:2' };
    const line = unreadableLine(where, [{ partition: 0, offset: 41 }], 'too short');
    assert.match(line, /^cannot read topic invoker0, partition 0 from offset 41 on: too short\./);
    assert.ok(
      line.includes(
        'kafka-consumer-groups.sh --bootstrap-server a:1,b:2 --group invoker0 --topic invoker0:0 --reset-offsets --to-offset 42 --execute',
      ),
    );
    const several = unreadableLine(
      where,
      [
        { partition: 0, offset: undefined },
        { partition: 1, offset: 7 },
      ],
      'too short',
    );
    assert.match(several, /partition 0 from its begin on, partition 1 from offset 7 on/);
    assert.match(several, /invoker0:0 --reset-offsets --to-offset N --execute \(with the first intact offset\)/);
    assert.match(
      several,
      /invoker0:1 --reset-offsets --to-offset 8 --execute \(with the first intact offset, at least 8\)/,
    );
  });
});
