import assert from 'node:assert/strict';
import { explain, toApiError, wasLogged } from '../../../../controller/api/answers.js';
import { NoInvokersError } from '../../../../controller/loadbalancer/LoadBalancer.js';
import {
  CircularBindingError,
  DeprecatedKindError,
  KindNotAllowedError,
  NoInstancesError,
  NotAuthenticatedError,
  NotAuthorizedError,
  NotFoundError,
  ParametersNotAllowedError,
  ThrottledError,
  type Refusal,
} from '../../../../controller/refusals/refusals.js';
import { BusUnavailableError, MessageTooLargeError } from '../../../../shared/messaging/Messaging.js';
import { TooManyRecordsError } from '../../../../shared/store/ActivationStore.js';
import { DocumentConflictError, StoreError } from '../../../../shared/store/ArtifactStore.js';

describe('toApiError', () => {
  const CASES: [unknown, number][] = [
    [new NoInvokersError(), 503],
    [new BusUnavailableError('away'), 503],
    [new TooManyRecordsError(70_000_000), 503],
    [new MessageTooLargeError('invoker0', 2, 1), 413],
    [new DocumentConflictError('guest/hello'), 409],
    [new StoreError('away'), 500],
    [new Error('nobody expected it'), 500],
    ['thrown without an error', 500],
  ];
  for (const [thrown, status] of CASES) {
    it(`answers ${status} to ${thrown instanceof Error ? thrown.name : typeof thrown}, and nothing of what it says`, () => {
      const error = toApiError(thrown);
      assert.equal(error.status, status);
      assert.ok(!error.message.includes('away') && !error.message.includes('nobody'));
    });
  }

  const REFUSALS: [Refusal, number, string][] = [
    [
      new NotAuthenticatedError('missing'),
      401,
      'The resource requires authentication, which was not supplied with the request',
    ],
    [new NotAuthenticatedError('invalid'), 401, 'The supplied authentication is invalid'],
    [
      new NotAuthenticatedError('no identity'),
      401,
      'Authentication is possible but has failed or not yet been provided.',
    ],
    [
      new NotAuthorizedError(['a/b', 'z/b']),
      403,
      "The supplied authentication is not authorized to access 'a/b, z/b'.",
    ],
    [
      new KindNotAllowedError('blackbox'),
      403,
      "The supplied authentication is not authorized to access actions of kind 'blackbox'.",
    ],
    [
      new DeprecatedKindError('nodejs:6'),
      400,
      "The 'nodejs:6' runtime is no longer supported. You may read and delete but not update or invoke this action.",
    ],
    [new NotFoundError(), 404, 'The requested resource does not exist.'],
    [new NotFoundError('guest/a'), 404, "The requested resource 'guest/a' does not exist."],
    [new CircularBindingError('me/loop'), 422, "Package binding 'me/loop' contains a circular reference."],
    [new ThrottledError('per minute', 3, 2), 429, 'Too many requests in the last minute (count: 3, allowed: 2).'],
    [new ThrottledError('concurrent', 30, 30), 429, 'Too many concurrent requests in flight (count: 30, allowed: 30).'],
    [
      new ParametersNotAllowedError(),
      400,
      'Request defines parameters that are not allowed (e.g., reserved properties).',
    ],
  ];
  for (const [refusal, status, text] of REFUSALS) {
    it(`answers ${status} to ${refusal.name} in OpenWhisk\u2019s words: ${text}`, () => {
      const { status: answered, message } = toApiError(refusal);
      assert.deepEqual([answered, message], [status, text]);
      assert.deepEqual(explain(refusal), { statusCode: status, message: text, refused: true });
    });
  }

  it('asks for credentials unless their identity is missing', () => {
    const challenge = { 'www-authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' };
    assert.deepEqual(toApiError(new NotAuthenticatedError('missing')).headers, challenge);
    assert.deepEqual(toApiError(new NotAuthenticatedError('invalid')).headers, challenge);
    assert.equal(toApiError(new NotAuthenticatedError('no identity')).headers, undefined);
  });
});

describe('toApiError', () => {
  it('says when to try again if the bus or all invokers are away', () => {
    for (const error of [new BusUnavailableError('away'), new NoInvokersError(), new TooManyRecordsError(70_000_000)]) {
      assert.deepEqual(toApiError(error).headers, { 'retry-after': '5' });
    }
  });

  it('names the tags that no invoker has', () => {
    const { status, message } = toApiError(new NoInvokersError({ tags: ['gpu', 'v2'] }));
    assert.equal(status, 503);
    assert.match(message, /No invoker with the resources gpu, v2/);
  });

  it('says that all invokers are dedicated to other namespaces', () => {
    const { status, message } = toApiError(new NoInvokersError({ namespace: 'alice' }));
    assert.equal(status, 503);
    assert.match(message, /No invoker is available for the namespace 'alice': all are dedicated/);
  });

  it('says that an action without containers cannot run', () => {
    const { status, message } = toApiError(new NoInstancesError());
    assert.equal(status, 429);
    assert.match(message, /'instances' is 0/);
  });
});

describe('explain', () => {
  it('does not reveal a failure of the server', () => {
    const { refused, message } = explain(new NoInvokersError());
    assert.equal(refused, false);
    assert.equal(message, 'There was an internal server error.');
  });
});

describe('wasLogged', () => {
  it('holds for errors that are logged once where they arise', () => {
    assert.equal(wasLogged(new NoInvokersError()), true);
    assert.equal(wasLogged(new BusUnavailableError('away')), false);
  });
});
