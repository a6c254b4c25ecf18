import assert from 'node:assert/strict';
import { operatorPolicy, refuseOperator, type OperatorPolicy } from '../../../../shared/access/operators.js';

const basic = (text: string) => ({ authorization: `Basic ${btoa(text)}` });

function answer(policy: OperatorPolicy, method: string, headers: Record<string, string> = {}, from = '127.0.0.1') {
  return (
    refuseOperator(policy, { method, remoteAddress: from, headers: { host: '127.0.0.1', ...headers } })?.status ?? 200
  );
}

describe('operators', () => {
  const open = operatorPolicy();
  const token = open.token ?? '';

  it('have a new token at each start, if there are no credentials', () => {
    assert.match(token, /^[\w-]{32}$/);
    assert.notEqual(operatorPolicy().token, token);
    assert.equal(operatorPolicy({ username: 'u', password: 'p' }).token, undefined);
  });

  it('without credentials read on this machine, and change something with the token only', () => {
    assert.equal(answer(open, 'GET'), 200);
    assert.equal(answer(open, 'POST'), 401);
    assert.equal(answer(open, 'DELETE'), 401);
    assert.equal(answer(open, 'POST', basic('operator:wrong')), 401);
    for (const headers of [basic(`operator:${token}`), { authorization: `Bearer ${token}` }]) {
      assert.equal(answer(open, 'POST', headers), 200);
      assert.equal(answer(open, 'GET', headers, '10.0.0.2'), 200);
    }
  });

  it('are not all clients of a proxy on this machine, nor other hosts', () => {
    assert.equal(answer(open, 'GET', { 'x-forwarded-for': '10.0.0.2' }), 401);
    assert.equal(answer(open, 'GET', {}, '10.0.0.2'), 401);
    assert.equal(answer(open, 'GET', {}, '172.17.0.2'), 401);
  });

  it('do not use a name that DNS leads astray', () => {
    assert.equal(answer(open, 'GET', { host: 'evil.example' }), 403);
    assert.equal(answer(open, 'POST', { host: 'evil.example', origin: 'http://evil.example' }), 403);
  });

  it('with credentials send these, from wherever they are', () => {
    const closed = operatorPolicy({ username: 'ops', password: 'se:cret' });
    for (const headers of [
      {},
      basic('ops:wrong'),
      basic('x:se:cret'),
      basic('ops'),
      { authorization: 'Bearer se:cret' },
    ]) {
      for (const method of ['GET', 'POST']) assert.equal(answer(closed, method, headers), 401);
    }
    assert.equal(answer(closed, 'POST', { ...basic('ops:se:cret'), host: 'controller0:8080' }, '10.0.0.2'), 200);
  });

  it('are never pages of other sites, even if the browser adds credentials', () => {
    for (const policy of [open, operatorPolicy({ username: 'operator', password: token })]) {
      const headers = basic(`operator:${token}`);
      assert.equal(answer(policy, 'POST', { ...headers, origin: 'https://evil.example' }), 403);
      assert.equal(answer(policy, 'POST', { ...headers, 'sec-fetch-site': 'cross-site' }), 403);
      assert.equal(answer(policy, 'GET', { ...headers, origin: 'null' }), 403);
    }
  });
});
