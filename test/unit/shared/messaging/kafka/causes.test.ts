import assert from 'node:assert/strict';
import { causeAndRights, causeOf, isCertificateError } from '../../../../../shared/messaging/kafka/causes.js';

const withCode = (code: string, message: string): Error => Object.assign(new Error(message), { code });

describe('the cause of a failed connection', () => {
  const cases: [string, string, RegExp][] = [
    ['ENOTFOUND', 'getaddrinfo ENOTFOUND kafka', /^the host name is unknown \(getaddrinfo ENOTFOUND kafka\)$/],
    ['ECONNREFUSED', 'connect ECONNREFUSED', /^the connection is refused/],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate', /^the certificate of the broker is not accepted/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number', /^TLS failed; does the broker expect it on this port\?/],
  ];
  for (const [code, message, expected] of cases) {
    it(`is told for ${code}, however deep it is wrapped`, () => {
      const inner = withCode(code, message);
      const wrapped = new Error('outer', { cause: new AggregateError([inner], 'several') });
      assert.match(causeOf(wrapped), expected);
      assert.equal(isCertificateError(wrapped), code === 'SELF_SIGNED_CERT_IN_CHAIN');
    });
  }

  it('is the innermost message if nothing more is known, and a text for a value that is not an error', () => {
    assert.equal(causeOf(new Error('outer', { cause: new Error('inner') })), 'inner');
    assert.equal(causeOf('text'), 'text');
  });

  it('is found in errors that refer to each other', () => {
    const error = new Error('round');
    error.cause = error;
    assert.equal(causeOf(error), 'round');
  });

  it('names the rights to grant if the brokers deny a request, also within an aggregate of kafkajs', () => {
    const denied = Object.assign(new Error('Topic authorization failed.'), { type: 'TOPIC_AUTHORIZATION_FAILED' });
    const aggregate = Object.assign(new Error('Topic creation errors'), { errors: [denied] });
    for (const error of [denied, aggregate]) {
      assert.equal(causeAndRights(error, 'READ on t'), 'Topic authorization failed: grant the user READ on t');
    }
    assert.equal(causeAndRights(new Error('a wrong password'), 'READ on t'), 'a wrong password');
  });
});
