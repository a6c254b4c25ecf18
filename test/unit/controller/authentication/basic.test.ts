import assert from 'node:assert/strict';
import { WELL_KNOWN_USERS } from '../../../../shared/access/wellKnownKeys.js';
import { basicAuthentication, isApiKey, readBasicCredentials } from '../../../../controller/authentication/basic.js';
import type { Identity } from '../../../../shared/entities/identity.js';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const uuid = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502';
const key = 'k'.repeat(64);
const identity: Identity = {
  subject: 'guest',
  namespace: { name: 'guest', uuid },
  authkey: {},
  rights: [],
  limits: {},
};

describe('readBasicCredentials', () => {
  it('reads both halves; further colons belong to the key', () => {
    assert.deepEqual(readBasicCredentials(basic('a:b:c')), { uuid: 'a', key: 'b:c' });
    assert.deepEqual(readBasicCredentials(basic('nonsense')), { uuid: 'nonsense', key: '' });
    assert.deepEqual(readBasicCredentials(`bAsIc ${Buffer.from('a:b').toString('base64')}`), { uuid: 'a', key: 'b' });
  });

  it('knows no other scheme', () => {
    for (const header of [undefined, '', 'Bearer abc', 'Basic', 'Basic ???']) {
      assert.equal(readBasicCredentials(header), undefined);
    }
  });
});

describe('isApiKey', () => {
  it('takes a UUID and 64 characters', () => {
    assert.equal(isApiKey({ uuid, key }), true);
    assert.equal(isApiKey({ uuid, key: `${key}x` }), false);
    assert.equal(isApiKey({ uuid: 'me', key }), false);
  });
});

describe('basicAuthentication', () => {
  const asked: string[] = [];
  const authentication = basicAuthentication(
    {
      async identityByKey(u, k) {
        asked.push(u);
        return Promise.resolve(u === uuid && k === key ? identity : undefined);
      },
      identityByNamespace: (namespace) => Promise.resolve(namespace === 'guest' ? identity : undefined),
    },
    { hostname: 'devbox' },
  );

  it('finds a known user', async () => {
    assert.equal(await authentication.authenticate(basic(`${uuid}:${key}`)), identity);
  });

  it('tells missing credentials from wrong ones', async () => {
    await assert.rejects(authentication.authenticate(undefined), { name: 'NotAuthenticatedError', fault: 'missing' });
    await assert.rejects(authentication.authenticate(basic(`${uuid}:${'x'.repeat(64)}`)), { fault: 'invalid' });
  });

  it('does not read the store for an invalid key', async () => {
    asked.length = 0;
    await assert.rejects(authentication.authenticate(basic('nonsense')), { fault: 'invalid' });
    assert.deepEqual(asked, []);
  });

  describe('of a key that everybody knows', () => {
    const [guest, secret] = WELL_KNOWN_USERS.guest.split(':');
    const subjects = {
      identityByKey: (u: string, k: string) => Promise.resolve(u === guest && k === secret ? identity : undefined),
      identityByNamespace: () => Promise.resolve(undefined),
    };
    const header = basic(WELL_KNOWN_USERS.guest);
    const caller = (remoteAddress: string, headers: Record<string, string> = {}) => ({
      remoteAddress,
      headers: { host: '127.0.0.1:3233', ...headers },
    });

    it('is accepted on the server’s own machine, and as data', async () => {
      const local = basicAuthentication(subjects, { hostname: 'devbox' });
      assert.equal(await local.authenticate(header, caller('127.0.0.1')), identity);
      assert.equal(await local.authenticate(header), identity);
    });

    it('is refused to containers, other hosts, clients of a proxy, and pages of other sites', async () => {
      const local = basicAuthentication(subjects, { hostname: 'devbox' });
      for (const from of [
        caller('172.17.0.2'),
        caller('::ffff:10.0.0.2'),
        caller('127.0.0.1', { 'x-forwarded-for': '10.0.0.2' }),
        caller('127.0.0.1', { origin: 'https://evil.example' }),
        caller('127.0.0.1', { host: 'host.docker.internal:3233' }),
      ]) {
        await assert.rejects(local.authenticate(header, from), { fault: 'well known' });
      }
    });

    it('is accepted from anywhere if the operator says so', async () => {
      const open = basicAuthentication(subjects, { hostname: 'devbox', wellKnownKeys: 'anywhere' });
      assert.equal(await open.authenticate(header, caller('172.17.0.2')), identity);
    });
  });
});
