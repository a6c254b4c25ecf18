import assert from 'node:assert/strict';
import { isSound, judge, total, type Answer, type History } from '../../../bench/faults/history.js';

const accepted = (id: string, tookMs = 5): Answer => ({ id, status: 202, tookMs, unanswered: false });
const refused = (status: number, tookMs = 5): Answer => ({ id: undefined, status, tookMs, unanswered: false });
const LIMIT_MS = 1000;

function history(changes: Partial<History>): History {
  return {
    answers: [accepted('a'), accepted('b')],
    runs: ['a', 'b'],
    records: [
      { id: 'a', success: true },
      { id: 'b', success: true },
    ],
    listed: ['b', 'a'],
    ...changes,
  };
}

describe('the judge of fault trials', () => {
  it('finds nothing in a history in which every accepted activation ran once and has its record', () => {
    const verdict = judge(history({ answers: [accepted('a'), accepted('b'), refused(503), refused(0)] }), LIMIT_MS);
    assert.ok(isSound(verdict));
    assert.equal(verdict.accepted, 2);
    assert.equal(verdict.refused, 2);
  });

  const faults: Record<string, [Partial<History>, Partial<ReturnType<typeof judge>>]> = {
    'a record that is missing': [{ records: [{ id: 'a', success: true }], listed: ['a'] }, { lost: 1 }],
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
    'an internal error': [{ answers: [accepted('a'), accepted('b'), refused(500)] }, { 'errors (500)': 1 }],
  };
  for (const [name, [changes, counts]] of Object.entries(faults)) {
    it(`finds ${name}`, () => {
      const verdict = judge(history(changes), LIMIT_MS);
      assert.ok(!isSound(verdict));
      for (const [count, value] of Object.entries(counts)) assert.equal(verdict[count as keyof typeof verdict], value);
      assert.ok(!isSound(total([judge(history({}), LIMIT_MS), verdict])));
    });
  }

  it('tells failures of activations that never began from others', () => {
    const records = [
      { id: 'a', success: false },
      { id: 'b', success: false },
    ];
    const verdict = judge(history({ records, runs: ['a'] }), LIMIT_MS);
    assert.equal(verdict.failed, 2);
    assert.equal(verdict['failed, not begun'], 1);
    assert.ok(isSound(verdict));
  });
});
