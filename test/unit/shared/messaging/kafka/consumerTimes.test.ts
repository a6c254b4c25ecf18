import assert from 'node:assert/strict';
import {
  CONSUMER_TIMES,
  consumerTimes,
  reasonToRejoin,
  type Trouble,
} from '../../../../../shared/messaging/kafka/consumerTimes.js';

describe('a member joins its group again', () => {
  const cases: [string, Trouble, ReturnType<typeof reasonToRejoin>][] = [
    ['not if all is well', { uncommittedMs: undefined, silentMs: 1000, isUnknown: false }, undefined],
    ['not for a late commit', { uncommittedMs: 19_999, silentMs: 0, isUnknown: false }, undefined],
    ['if no commit succeeds for 20 s', { uncommittedMs: 20_000, silentMs: 0, isUnknown: false }, 'commits'],
    [
      'not for commits and heartbeats that are late',
      { uncommittedMs: 9999, silentMs: 14_999, isUnknown: false },
      undefined,
    ],
    [
      'not if heartbeats begin to fail after commits',
      { uncommittedMs: 15_000, silentMs: 9999, isUnknown: false },
      undefined,
    ],
    [
      'if commits and heartbeats fail for 10 s',
      { uncommittedMs: 10_000, silentMs: 10_000, isUnknown: false },
      'commits',
    ],
    [
      'not at once if it is unknown: the library joins',
      { uncommittedMs: 4999, silentMs: 0, isUnknown: true },
      undefined,
    ],
    ['if it is unknown for 5 s', { uncommittedMs: 5000, silentMs: 0, isUnknown: true }, 'commits'],
    ['not if it was unknown and has committed', { uncommittedMs: undefined, silentMs: 0, isUnknown: true }, undefined],
    [
      'if no heartbeat succeeds for 15 s',
      { uncommittedMs: undefined, silentMs: 15_000, isUnknown: false },
      'heartbeats',
    ],
    [
      'not for a fetch that is late',
      { uncommittedMs: undefined, silentMs: 0, unfetchedMs: 29_999, isUnknown: false },
      undefined,
    ],
    [
      'if no fetch has a response for 30 s',
      { uncommittedMs: undefined, silentMs: 0, unfetchedMs: 30_000, isUnknown: false },
      'fetches',
    ],
  ];
  for (const [what, trouble, reason] of cases) {
    it(what, () => assert.equal(reasonToRejoin(trouble, CONSUMER_TIMES), reason));
  }
});

describe('the times of a consumer', () => {
  it('are those of the documentation for the default session', () => {
    assert.deepEqual(consumerTimes(6000), CONSUMER_TIMES);
    const { silentMs, commitsFailMs, attemptMs, wholeAttemptMs } = CONSUMER_TIMES;
    assert.deepEqual([silentMs, commitsFailMs, attemptMs, wholeAttemptMs], [15_000, 10_000, [20_000, 60_000], 60_000]);
  });

  it('leave time for two heartbeats and for a rebalance, whatever the session timeout', () => {
    for (const session of [1000, 6000, 30_000, 60_000, 600_000]) {
      const { silentMs, commitsFailMs, attemptMs } = consumerTimes(session);
      assert.ok(silentMs >= 2.5 * session && commitsFailMs >= session);
      assert.ok(attemptMs[0] >= Math.max(session, 10_000) + 5000 && attemptMs[1] >= attemptMs[0]);
    }
  });
});
