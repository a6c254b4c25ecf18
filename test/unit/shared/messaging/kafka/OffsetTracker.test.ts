import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { OffsetTracker, type Given } from '../../../../../shared/messaging/kafka/OffsetTracker.js';

describe('OffsetTracker', () => {
  it('commits up to the oldest unhandled message, in any order of handling', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 200 }), (first, steps) => {
        const tracker = new OffsetTracker();
        const open: Given[] = [];
        let next = first;
        for (const step of steps) {
          if (step === 0 || open.length === 0) {
            // Compaction and transactions leave gaps.
            next += step;
            const given = tracker.give(next++);
            assert.ok(given);
            open.push(given);
          } else {
            const [done] = open.splice(step % open.length, 1);
            if (done) done.handled = true;
          }
          const place = tracker.committable();
          const expected = open[0]?.offset ?? next;
          if (place !== undefined) {
            assert.equal(place, expected);
            tracker.committed(place);
          }
          assert.equal(tracker.committable(), undefined);
        }
      }),
    );
  });

  it('has nothing to commit before the first message', () => {
    assert.equal(new OffsetTracker().committable(), undefined);
  });

  it('commits where a group begins that asks for the latest, which never committed', () => {
    const tracker = new OffsetTracker();
    tracker.learn(undefined, 7, 'latest');
    assert.equal(tracker.committable(), 7);
    tracker.learn(undefined, 9, 'latest');
    assert.equal(tracker.place, 7, 'the next membership skips nothing');
    assert.ok(tracker.give(7));
    for (const [committed, from] of [[3, 'latest'] as const, [undefined, 'earliest'] as const]) {
      const other = new OffsetTracker();
      other.learn(committed, 7, from);
      assert.equal(other.committable(), undefined);
      assert.equal(other.place, committed);
    }
  });

  it('recognizes messages that it gave before', () => {
    const tracker = new OffsetTracker();
    assert.ok(tracker.give(5));
    assert.ok(tracker.give(6));
    assert.equal(tracker.give(5), undefined);
    assert.equal(tracker.give(6), undefined);
    assert.ok(tracker.give(7));
  });

  it('treats a topic that ends before a known offset as a new topic', () => {
    const tracker = new OffsetTracker();
    const lost = tracker.give(100);
    tracker.learn(undefined, 101);
    assert.equal(tracker.give(0), undefined);
    tracker.learn(undefined, 1);
    assert.ok(tracker.give(0));
    if (lost) lost.handled = true;
    assert.equal(tracker.committable(), 0);
  });

  it('counts the messages that a successor would get again: all from the oldest unhandled one on', () => {
    const tracker = new OffsetTracker();
    assert.equal(tracker.uncommitted, 0);
    const given = [5, 6, 8].map((offset) => tracker.give(offset));
    assert.equal(tracker.uncommitted, 4);
    const [first, second, last] = given;
    assert.ok(first && second && last);
    second.handled = true;
    assert.equal(tracker.uncommitted, 4);
    first.handled = true;
    assert.equal(tracker.uncommitted, 1);
    last.handled = true;
    assert.equal(tracker.uncommitted, 0);
  });
});
