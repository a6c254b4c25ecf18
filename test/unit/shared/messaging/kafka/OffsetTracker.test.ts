import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { OffsetTracker, type Handed } from '../../../../../shared/messaging/kafka/OffsetTracker.js';

describe('OffsetTracker', () => {
  it('commits up to the oldest message that is not handled, in whatever order they are', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 200 }), (first, steps) => {
        const tracker = new OffsetTracker();
        const open: Handed[] = [];
        let next = first;
        for (const step of steps) {
          if (step === 0 || open.length === 0) {
            // Gaps are what compaction and transactions leave.
            next += step;
            const handed = tracker.hand(next++);
            assert.ok(handed);
            open.push(handed);
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

  it('tells apart what it handed over before', () => {
    const tracker = new OffsetTracker();
    assert.ok(tracker.hand(5));
    assert.ok(tracker.hand(6));
    assert.equal(tracker.hand(5), undefined);
    assert.equal(tracker.hand(6), undefined);
    assert.ok(tracker.hand(7));
  });

  it('takes a topic that ends before what it saw for a new one', () => {
    const tracker = new OffsetTracker();
    const lost = tracker.hand(100);
    tracker.endsAt(101);
    assert.equal(tracker.hand(0), undefined);
    tracker.endsAt(1);
    assert.ok(tracker.hand(0));
    if (lost) lost.handled = true;
    assert.equal(tracker.committable(), 0);
  });
});
