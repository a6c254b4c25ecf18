import assert from 'node:assert/strict';
import { topicNamed } from '../../../../deploy/standalone/topicNamed.js';
import { topics } from '../../../../shared/messaging/topics.js';

describe('topics by name', () => {
  const all = topics();

  it('finds every topic', () => {
    const { invoker, completed, accepted, ...others } = all;
    for (const { name } of [invoker(12), completed('a'), accepted('0'), ...Object.values(others)]) {
      assert.equal(topicNamed(all, name).name, name);
    }
  });

  it('refuses other names', () => {
    assert.throws(() => topicNamed(all, 'other'), { message: 'no topic has the name other' });
  });
});
