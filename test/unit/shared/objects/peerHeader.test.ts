import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PEER_WINDOW_MS, signPeer, verifyPeer, type PeerClaims } from '../../../../shared/objects/peerHeader.js';
import { movedHeader, movedTo } from '../../../../shared/objects/moved.js';

const SECRET = 'a secret of the cluster';
const REQUEST = { method: 'PUT', path: '/red/key?append' };
const CLAIMS: PeerClaims = {
  operation: 'request',
  from: 'invoker0',
  namespace: { uuid: 'u', name: 'guest', limitBytes: 10 },
};

describe('the signature of a request between peers', () => {
  const header = signPeer(SECRET, REQUEST, CLAIMS, 1000);

  it('carries operation, sender and namespace to a receiver with the same secret', () => {
    assert.deepEqual(verifyPeer(SECRET, REQUEST, header, 1000), CLAIMS);
    const open = { operation: 'stats', from: 'controller0', namespace: undefined } as const;
    assert.deepEqual(verifyPeer(SECRET, REQUEST, signPeer(SECRET, REQUEST, open, 1), 1), open);
  });

  it('is read up to 4,096 characters', () => {
    const namespace = { uuid: 'u', name: '', limitBytes: undefined };
    const sign = (length: number): string =>
      signPeer(SECRET, REQUEST, { ...CLAIMS, namespace: { ...namespace, name: 'n'.repeat(length) } }, 1000);
    const short = JSON.stringify({ o: 'request', f: 'invoker0', t: 1000, n: ['u', '', null] }).length;
    assert.equal(sign(3039 - short).length, 4096);
    assert.ok(verifyPeer(SECRET, REQUEST, sign(3039 - short), 1000));
    assert.equal(verifyPeer(SECRET, REQUEST, sign(3040 - short), 1000), undefined);
  });

  it('is valid for its method, its path, its secret and its time only', () => {
    assert.equal(verifyPeer(SECRET, { ...REQUEST, method: 'DELETE' }, header, 1000), undefined);
    assert.equal(verifyPeer(SECRET, { ...REQUEST, path: '/red/key' }, header, 1000), undefined);
    assert.equal(verifyPeer('another secret of it', REQUEST, header, 1000), undefined);
    assert.ok(verifyPeer(SECRET, REQUEST, header, 1000 + PEER_WINDOW_MS));
    assert.equal(verifyPeer(SECRET, REQUEST, header, 1001 + PEER_WINDOW_MS), undefined);
    assert.equal(verifyPeer(SECRET, REQUEST, header, 999 - PEER_WINDOW_MS), undefined);
  });

  it('does not survive any change of a character, and no text but a signed one is accepted', () => {
    fc.assert(
      fc.property(fc.nat(header.length - 1), fc.constantFrom('A', 'B', '.', '-'), (at, other) => {
        const changed = header.slice(0, at) + other + header.slice(at + 1);
        // The last character of base64 has unused bits: it may stand for the same signature.
        const same = changed === header || at === header.length - 1;
        return same || verifyPeer(SECRET, REQUEST, changed, 1000) === undefined;
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => verifyPeer(SECRET, REQUEST, text, 1000) === undefined));
    assert.equal(verifyPeer(SECRET, REQUEST, 'a'.repeat(100_000), 1000), undefined);
  });
});

describe('the header that names another home', () => {
  it('is parsed as it is written, and anything else is not a home', () => {
    const home = { instance: 12, url: 'http://10.0.0.1:8080' };
    assert.deepEqual(movedTo(movedHeader(home)), home);
    for (const text of [undefined, '', '1', 'x http://a:1', '1 ftp://a:1', '1 nothing', ['1 http://a:1']]) {
      assert.equal(movedTo(text), undefined);
    }
  });
});
