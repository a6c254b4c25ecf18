import assert from 'node:assert/strict';
import { constantsOf, type Probes } from '../../../bench/palette/graphProbe.js';

type Probe = Probes['alone'][number];

/** A probe whose times are all `ms`; an object of 101 bytes takes 10 ms more than one of 1 byte. */
const probe = (ms: number): Probe => ({
  submitMs: ms,
  answerMs: ms,
  callMs: ms,
  lateMs: ms,
  times: [
    [ms, ms, 2 * ms, 2 * ms],
    [ms + 10, ms + 10, 2 * ms + 20, 2 * ms + 20],
  ],
  first: 3 * ms,
});

describe('the times for the simulation of real graphs', () => {
  const rounds: Probes[] = [
    { alone: [probe(1)], together: [probe(4), probe(6)] },
    { alone: [probe(3)], together: [probe(4), probe(6)] },
  ];
  const at = (active: number) => constantsOf(rounds, 101, 4, active);

  it('are the means of the probes on one worker for one that runs, and of those on all for all', () => {
    const [one, all] = [at(1), at(4)];
    assert.deepEqual([one.submitMs, one.answerMs, one.callMs, one.lateMs], [2, 2, 2, 2]);
    assert.deepEqual([all.submitMs, all.answerMs, all.callMs, all.lateMs], [5, 5, 5, 5]);
    assert.deepEqual(one.network, { latencyMs: 4, bandwidth: 5, local: { latencyMs: 2, bandwidth: 10 } });
    // The first object of a color takes 6 ms; one at its home 2 ms and three elsewhere 4 ms each.
    assert.equal(one.firstMs, 6 - (2 + 3 * 4) / 4);
  });

  it('are between them for workers between, and never beyond', () => {
    assert.equal(at(2.5).submitMs, 3.5);
    assert.equal(at(2.5).network.latencyMs, 7);
    assert.deepEqual(at(0.5), at(1));
    assert.deepEqual(at(5), at(4));
  });
});
