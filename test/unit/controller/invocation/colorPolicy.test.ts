import assert from 'node:assert/strict';
import { requestedPolicy } from '../../../../controller/invocation/colorPolicy.js';

const annotated = (policy: string, patience: unknown) => [
  { key: 'color-policy', value: policy },
  { key: 'color-patience', value: patience as number },
];

describe('the policy of a colored invocation', () => {
  it('is that of the caller rather than that of the action', () => {
    assert.deepEqual(requestedPolicy('least-assigned; patience=0', annotated('random', 50)), {
      callerPolicy: 'least-assigned',
      policy: 'random',
      patienceMs: 0,
    });
    assert.deepEqual(requestedPolicy(undefined, annotated('random', 50)), { policy: 'random', patienceMs: 50 });
    assert.deepEqual(requestedPolicy('; patience=20', []), { policy: undefined, patienceMs: 20 });
    assert.deepEqual(requestedPolicy('mine.js', []), {
      callerPolicy: 'mine.js',
      policy: undefined,
    });
  });

  it('takes a header that it cannot read for an unknown policy, and a patience that is not a duration for none', () => {
    assert.equal(requestedPolicy('a b; x', []).callerPolicy, 'a b; x');
    assert.equal(requestedPolicy('; patience=-1', []).patienceMs, undefined);
    for (const patience of [-1, '5', null]) {
      assert.equal(requestedPolicy(undefined, annotated('x', patience)).patienceMs, undefined);
    }
    assert.equal(requestedPolicy('; patience=999999999', []).patienceMs, 60_000);
  });
});
