import assert from 'node:assert/strict';
import { chosenPolicy } from '../../../../controller/loadbalancer/policyChoice.js';

describe('the choice of a policy', () => {
  const exists = (policy: string): boolean => ['a', 'b', 'c', 'd'].includes(policy);
  const choose = (color: { callerPolicy?: string; policy?: string }, limits: Record<string, unknown> = {}) => {
    const unknown: string[] = [];
    const policy = chosenPolicy(color, limits, 'd', { exists, onUnknown: (source) => unknown.push(source) });
    return [policy, ...unknown];
  };

  it('prefers the caller to the action, that to the namespace, and that to the installation', () => {
    const limits = { colorPolicy: 'c' };
    assert.deepEqual(choose({ callerPolicy: 'a', policy: 'b' }, limits), ['a']);
    assert.deepEqual(choose({ policy: 'b' }, limits), ['b']);
    assert.deepEqual(choose({}, limits), ['c']);
    assert.deepEqual(choose({}), ['d']);
  });

  it('ignores unknown policies, and names their source', () => {
    const all = choose({ callerPolicy: 'x', policy: 'y' }, { colorPolicy: 7 });
    assert.deepEqual(all, ['d', 'caller', 'action', 'namespace']);
  });

  it('takes only those that the namespace allows', () => {
    const limits = { colorPolicy: 'c', colorPolicies: ['b'] };
    assert.deepEqual(choose({ callerPolicy: 'a', policy: 'b' }, limits), ['b', 'caller']);
    assert.deepEqual(choose({ callerPolicy: 'a' }, limits), ['c', 'caller']);
    assert.deepEqual(choose({ callerPolicy: 'a' }, { colorPolicies: [] }), ['d', 'caller']);
  });
});
