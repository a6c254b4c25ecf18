import assert from 'node:assert/strict';
import fc from 'fast-check';
import { statusOf, withoutRule, withRule } from '../../../../../controller/api/rules/links.js';
import { readRuleBody, readStatus } from '../../../../../controller/api/rules/ruleBody.js';
import { newTrigger } from '../../../../../controller/api/triggers/put.js';
import { ApiError } from '../../../../../controller/http/ApiError.js';
import type { Json } from '../../../../../shared/entities/keyvalue.js';

const trigger = newTrigger('ns', 't', {}, 7);
const action = { path: 'ns', name: 'a' };
const names = fc.constantFrom('ns/r1', 'ns/r2', 'ns/r3', 'ns/__proto__', 'ns/constructor');
const statuses = fc.constantFrom('active' as const, 'inactive' as const);

describe('rules in their trigger', () => {
  it('have their last value, and are gone after their removal', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.option(statuses))), (steps) => {
        let current = trigger;
        const expected = new Map<string, 'active' | 'inactive'>();
        for (const [rule, status] of steps) {
          if (status === null) {
            current = withoutRule(current, rule);
            expected.delete(rule);
          } else {
            current = withRule(current, rule, action, status);
            expected.set(rule, status);
          }
        }
        assert.deepEqual(new Set(Object.keys(current.rules ?? {})), new Set(expected.keys()));
        for (const rule of ['ns/r1', 'ns/r2', 'ns/r3', 'ns/__proto__', 'ns/constructor', 'constructor', '__proto__']) {
          assert.equal(statusOf(current, rule), expected.get(rule) ?? 'inactive');
        }
      }),
    );
  });

  it('leave the rest of the trigger as it was', () => {
    const changed = withRule(trigger, 'ns/r', action, 'active');
    assert.deepEqual({ ...changed, rules: undefined }, { ...trigger, rules: undefined });
    assert.equal(withoutRule(trigger, 'ns/r'), trigger);
    assert.deepEqual(withoutRule(changed, 'ns/r').rules, {});
  });

  it('are inactive without a trigger', () => {
    assert.equal(statusOf(undefined, 'ns/r'), 'inactive');
  });
});

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ApiError) return `${error.status} ${error.message.split('\n')[1]}`;
    throw error;
  }
  return 'none';
}

describe('the body of a rule', () => {
  it('names its trigger and action', () => {
    const read = readRuleBody({ trigger: '/_/t', action: { path: '_/p', name: 'a', version: '0.0.2' } }, 'me', 1000);
    assert.deepEqual(read.trigger, { path: 'me', name: 't' });
    assert.deepEqual(read.action, { path: 'me/p', name: 'a', version: '0.0.2' });
    const empty = readRuleBody({ trigger: null }, 'me', 1000);
    assert.deepEqual([empty.trigger, empty.action], [undefined, undefined]);
  });

  it('is refused if it is invalid', () => {
    const bad = (body: Json) => refusal(() => readRuleBody(body, 'me', 1000));
    assert.equal(bad({ trigger: 7 }), '400 fully qualified name malformed');
    assert.match(bad({ trigger: 'alone' }), /^400 requirement failed: The fully qualified name of the entity/);
    assert.equal(bad('text'), "400 Object expected in field 'exec'");
  });
});

describe('the state that a rule is to have', () => {
  it('is active or inactive', () => {
    assert.equal(readStatus({ status: ' active ' }), 'active');
    assert.equal(readStatus({ status: 'inactive', more: 1 }), 'inactive');
  });

  it('is refused if it is invalid, with OpenWhisk’s message', () => {
    const bad = (body: Json) => refusal(() => readStatus(body));
    assert.equal(bad({}), '400 key not found: status');
    assert.equal(bad({ status: 'sleepy' }), '400 requirement failed: sleepy is not a recognized rule state');
    assert.equal(bad({ status: null }), '400 null (of class spray.json.JsNull$)');
    assert.equal(bad({ status: true }), '400 true (of class spray.json.JsTrue$)');
    assert.equal(bad({ status: [1] }), '400 [1] (of class spray.json.JsArray)');
    assert.equal(bad('active'), '400 "active" (of class spray.json.JsString)');
  });
});
