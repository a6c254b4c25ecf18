import assert from 'node:assert/strict';
import {
  forwardedHeaders,
  inactiveRule,
  ruleLogLine,
  triggerRecord,
} from '../../../../controller/invocation/firedRules.js';
import { user } from './runs.js';

const rule = { action: { path: 'ns/p', name: 'a' }, status: 'active' } as const;

describe('the headers of a fire', () => {
  it('go to the actions, but for those that prove who fired and those about the body', () => {
    const headers = {
      host: 'x',
      'x-mine': 'y',
      authorization: 'Basic c2VjcmV0',
      'proxy-authorization': 'Basic c2VjcmV0',
      'content-type': 'application/json',
      'content-length': '2',
      'set-cookie': ['a=1', 'b=2'],
      'x-missing': undefined,
    };
    assert.deepEqual(forwardedHeaders(headers), { host: 'x', 'x-mine': 'y', 'set-cookie': 'a=1, b=2' });
  });
});

describe('the line of a rule in its trigger’s record', () => {
  const parse = (line: string) => JSON.parse(line) as object;

  it('names the activation of its action', () => {
    assert.deepEqual(parse(ruleLogLine('ns/r', rule, { kind: 'invoked', activationId: 'id' })), {
      statusCode: 0,
      success: true,
      activationId: 'id',
      rule: 'ns/r',
      action: 'ns/p/a',
    });
  });

  it('contains the reason for a missing activation', () => {
    const refused = { kind: 'refused', statusCode: 3, error: 'why' } as const;
    const expected = { statusCode: 3, success: false, error: 'why', rule: 'ns/r', action: 'ns/p/a' };
    assert.deepEqual(parse(ruleLogLine('ns/r', rule, refused)), expected);
  });

  it('says that a rule is inactive, and names a version if the rule has one', () => {
    const versioned = { action: { path: 'ns', name: 'a', version: '0.0.2' }, status: 'inactive' } as const;
    assert.deepEqual(inactiveRule('ns/r', versioned), {
      kind: 'refused',
      statusCode: 1,
      error: "Rule 'ns/r' is inactive, action 'ns/a@0.0.2' was not activated.",
    });
  });
});

describe('the record of a trigger', () => {
  it('is the same as in Apache OpenWhisk', () => {
    const fired = { activationId: 'id', user, name: 't', version: '0.0.3', start: 7, payload: { a: 1 }, logs: ['{}'] };
    assert.deepEqual(triggerRecord({ ...fired, color: undefined }), {
      activationId: 'id',
      namespace: 'ns',
      name: 't',
      version: '0.0.3',
      subject: 'me',
      publish: false,
      start: 7,
      end: 0,
      response: { statusCode: 0, result: { a: 1 } },
      logs: ['{}'],
      annotations: [],
    });
    assert.deepEqual(triggerRecord({ ...fired, color: 'red' }).annotations, [{ key: 'color', value: 'red' }]);
  });
});
