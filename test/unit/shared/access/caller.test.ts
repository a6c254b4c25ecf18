import assert from 'node:assert/strict';
import { isCrossSite, isLocal, isLoopback, namesServer } from '../../../../shared/access/caller.js';

const local = (headers: Record<string, string>, remoteAddress = '127.0.0.1'): boolean =>
  isLocal({ remoteAddress, headers: { host: '127.0.0.1:3233', ...headers } }, 'Devbox');

describe('a local caller', () => {
  it('is one over the loopback interface', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])
      assert.ok(isLoopback(address), address);
    for (const address of ['10.0.0.1', '172.17.0.2', '::ffff:172.17.0.2', '::2', '1127.0.0.1', '127.0.0.1.evil', '']) {
      assert.ok(!isLoopback(address), address);
      assert.ok(!local({}, address), address);
    }
    assert.ok(local({}));
    assert.ok(!isLocal({ remoteAddress: undefined, headers: {} }, 'x'));
  });

  it('does not come through a proxy, whatever that says of it', () => {
    for (const name of ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto']) {
      assert.ok(!local({ [name]: '127.0.0.1' }), name);
    }
  });

  it('names this machine', () => {
    for (const host of [
      'localhost',
      'LOCALHOST:80',
      'app.localhost:3233',
      '127.0.0.1',
      '[::1]:3233',
      'devbox:3233',
      'localhost.',
    ]) {
      assert.ok(local({ host }), host);
    }
    for (const host of [
      'evil.example',
      'host.docker.internal:3233',
      '192.168.1.2:3233',
      'localhost.evil.example',
      '',
      ':80',
    ]) {
      assert.ok(!local({ host }), host);
    }
    assert.ok(isLocal({ remoteAddress: '::1', headers: {} }, 'x'));
  });

  it('is not a page of a site elsewhere', () => {
    for (const origin of ['http://localhost:8080', 'http://127.0.0.1:3233']) assert.ok(local({ origin }), origin);
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'file://', '']) {
      assert.ok(!local({ origin }), origin);
    }
  });
});

describe('a request across sites', () => {
  it('has another origin than the server, or says so', () => {
    const host = 'api.example:8080';
    assert.ok(!isCrossSite({ host }));
    assert.ok(!isCrossSite({ host, origin: 'http://api.example:8080', 'sec-fetch-site': 'same-origin' }));
    assert.ok(!isCrossSite({ host, 'sec-fetch-site': 'none' }));
    assert.ok(!isCrossSite({ host: 'api.example', origin: 'https://API.example' }));
    for (const origin of ['http://api.example', 'http://evil.example:8080', 'null', 'http://localhost:8080']) {
      assert.ok(isCrossSite({ host, origin }), origin);
    }
    for (const site of ['cross-site', 'same-site']) assert.ok(isCrossSite({ host, 'sec-fetch-site': site }), site);
  });
});

describe('the host of a request', () => {
  it('is known if it is an address or a name of the machine', () => {
    for (const host of ['10.1.2.3:80', '[2001:db8::1]:80', 'localhost', 'devbox'])
      assert.ok(namesServer({ host }, 'devbox'), host);
    assert.ok(namesServer({}, 'devbox'));
    for (const host of ['evil.example', '10.1.2.3.evil.example', 'devbox.evil.example', '']) {
      assert.ok(!namesServer({ host }, 'devbox'), host);
    }
  });
});
