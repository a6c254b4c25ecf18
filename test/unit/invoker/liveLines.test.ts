import assert from 'node:assert/strict';
import { liveLines, MAX_LIVE_LENGTH, type LiveLine } from '../../../invoker/activations/liveLines.js';

describe('the listener of an activation', () => {
  const OF = { activationId: 'a1', path: 'guest/hello' };

  it('tells a bounded number of lines in a second', () => {
    const told: LiveLine[] = [];
    let now = 10_000;
    const listener = liveLines(
      OF,
      (line) => told.push(line),
      () => now,
    );
    for (let i = 0; i < 500; i += 1) listener(`line ${i}`, true);
    assert.equal(told.length, 200);
    now = 10_999;
    listener('the same second', true);
    assert.equal(told.length, 200);
    now = 11_000;
    listener('later', false);
    assert.deepEqual(told.at(-1), { ...OF, line: 'later', sure: false });
  });

  it('cuts long lines', () => {
    const told: LiveLine[] = [];
    liveLines(
      OF,
      (line) => told.push(line),
      () => 0,
    )('x'.repeat(1_000_000), true);
    assert.equal(told[0]?.line.length, MAX_LIVE_LENGTH);
  });
});
