import assert from 'node:assert/strict';
import { causeOf, isCertificateError } from '../../../../../shared/messaging/kafka/causes.js';

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

  it('is the innermost message where nothing more is known, and text for what is not an error', () => {
    assert.equal(causeOf(new Error('outer', { cause: new Error('inner') })), 'inner');
    assert.equal(causeOf('text'), 'text');
  });

  it('is found in errors that refer to each other', () => {
    const error = new Error('round');
    error.cause = error;
    assert.equal(causeOf(error), 'round');
  });
});
