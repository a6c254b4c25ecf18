import assert from 'node:assert/strict';
import {
  failures,
  isSound,
  judge,
  refusals,
  total,
  type Answer,
  type History,
  type RecordSeen,
} from '../../../bench/faults/history.js';

const base = { blocking: false, reason: '', unanswered: false, at: 500 };
const accepted = (id: string, tookMs = 5): Answer => ({ ...base, id, status: 202, tookMs });
const refused = (status: number, tookMs = 5): Answer => ({ ...base, id: undefined, status, tookMs });
const seen = (id: string, success: boolean, given = false): RecordSeen => ({
  id,
  success,
  given,
  error: success ? '' : 'it failed',
});
const LIMITS = { answerMs: 1000, resultMs: 2000, containers: 1 };

function history(changes: Partial<History>): History {
  return {
    answers: [accepted('a'), accepted('b')],
    runs: ['a', 'b'],
    records: [seen('a', true), seen('b', true)],
    listed: ['b', 'a'],
    backAt: 0,
    rejoinsMs: [],
    ...changes,
  };
}

describe('the judge of fault trials', () => {
  it('finds nothing in a history in which every accepted activation ran once and has its record', () => {
    const verdict = judge(history({ answers: [accepted('a'), accepted('b'), refused(503), refused(0)] }), LIMITS);
    assert.ok(isSound(verdict));
    assert.equal(verdict.accepted, 2);
    assert.equal(verdict.refused, 2);
  });

  const faults: Record<string, [Partial<History>, Partial<ReturnType<typeof judge>>]> = {
    'a record that is missing': [{ records: [seen('a', true)], listed: ['a'] }, { lost: 1 }],
    'a record that the list lacks': [{ listed: ['a'] }, { unlisted: 1 }],
    'a record that the list has twice': [{ listed: ['a', 'b', 'a'] }, { doubled: 1 }],
    'an activation that ran twice': [{ runs: ['a', 'b', 'a'] }, { 'run twice': 1 }],
    'an activation that was refused and ran twice': [{ runs: ['a', 'b', 'c', 'c'] }, { 'run twice': 1 }],
    'an answer that came late': [{ answers: [accepted('a', 1001), accepted('b')] }, { late: 1 }],
    'a refusal that came late': [{ answers: [accepted('a'), accepted('b'), refused(503, 1001)] }, { late: 1 }],
    'a request without an answer': [
      { answers: [accepted('a'), accepted('b'), { ...refused(0), unanswered: true }] },
      { unanswered: 1 },
    ],
    'an activation that failed and never began': [
      {
        records: [seen('a', true), seen('b', false)],
        runs: ['a'],
      },
      { failed: 1, 'failed, not begun': 1 },
    ],
    'an internal error': [{ answers: [accepted('a'), accepted('b'), refused(500)] }, { 'errors (500)': 1 }],
  };
  for (const [name, [changes, counts]] of Object.entries(faults)) {
    it(`finds ${name}`, () => {
      const verdict = judge(history(changes), LIMITS);
      assert.ok(!isSound(verdict));
      for (const [count, value] of Object.entries(counts)) assert.equal(verdict[count as keyof typeof verdict], value);
      assert.ok(!isSound(total([judge(history({}), LIMITS), verdict])));
    });
  }

  it('lets a client that waits for a result wait longer, and not one that is refused', () => {
    const waiting = { ...accepted('b', 1999), blocking: true };
    assert.equal(judge(history({ answers: [accepted('a'), waiting] }), LIMITS).late, 0);
    assert.equal(judge(history({ answers: [{ ...waiting, tookMs: 2001 }] }), LIMITS).late, 1);
    assert.equal(judge(history({ answers: [{ ...refused(503, 1999), blocking: true }] }), LIMITS).late, 1);
  });

  it('counts a failed activation that is answered 500 as accepted', () => {
    const failed = { ...accepted('b'), blocking: true, status: 500 };
    const verdict = judge(history({ answers: [accepted('a'), failed] }), LIMITS);
    assert.ok(isSound(verdict));
    assert.equal(verdict.accepted, 2);
  });

  it('says how often invocations were refused, and why', () => {
    const away = { ...refused(503), reason: 'the bus is away' };
    assert.deepEqual(refusals([accepted('a'), away, away, refused(0)]), { '503 the bus is away': 2, '0 ': 1 });
  });

  it('finds nothing in the failure of an activation that had begun', () => {
    const records = [seen('a', true), seen('b', false)];
    const verdict = judge(history({ records }), LIMITS);
    assert.equal(verdict.failed, 1);
    assert.ok(isSound(verdict));
  });

  it('finds nothing in the failure of an activation that a container had been given, unless these are too many', () => {
    const records = [seen('a', false, true), seen('b', false, true)];
    assert.ok(isSound(judge(history({ records, runs: ['b'] }), LIMITS)));
    assert.equal(judge(history({ records, runs: [] }), LIMITS)['failed, not begun'], 1);
  });

  it('says how often activations failed, and why', () => {
    assert.deepEqual(failures([seen('a', true), seen('b', false), seen('c', false)]), { 'it failed': 2 });
  });

  it('says for how long after the return of the part invocations are refused', () => {
    const away = { ...refused(503, 5), at: 1004 };
    const answers = [accepted('a'), away, { ...refused(503, 50), at: 1200 }, { ...accepted('b'), at: 1500 }];
    assert.equal(judge(history({ answers, backAt: 1000 }), LIMITS)['refuses for (ms)'], 200);
    assert.equal(judge(history({ answers: [away], backAt: 1000 }), LIMITS)['refuses for (ms)'], 0);
  });

  it('says how long the slowest consumer took to join its group again', () => {
    assert.equal(judge(history({ rejoinsMs: [20, 300, 4] }), LIMITS)['slowest rejoin (ms)'], 300);
    assert.equal(judge(history({}), LIMITS)['slowest rejoin (ms)'], 0);
  });
});
