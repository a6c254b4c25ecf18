import assert from 'node:assert/strict';
import fc from 'fast-check';
import { noEncryption, parameterEncryption, withOwnEncryption } from '../../../../shared/parameters/encryption.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

const aes128 = Buffer.alloc(16, 1).toString('base64');
const aes256 = Buffer.alloc(32, 2).toString('base64');

describe('parameterEncryption', () => {
  for (const current of ['aes-128', 'aes-256']) {
    it(`gives back what ${current} locked`, () => {
      const encryption = parameterEncryption({ current, aes128, aes256 });
      fc.assert(
        fc.property(fc.jsonValue(), (any) => {
          const value = JSON.parse(JSON.stringify(any)) as Json;
          const [locked] = encryption.lock([{ key: 'k', value, init: true }]);
          assert.equal(locked?.encryption, current);
          assert.equal(locked.init, true);
          assert.equal(typeof locked.value, 'string');
          assert.deepEqual(encryption.decrypt(current, locked.value as string), value);
        }),
        { numRuns: 50 },
      );
    });
  }

  it('writes the nonce, with its length, before the text and the tag', () => {
    const encryption = parameterEncryption({ current: 'aes-256', aes256 });
    const [locked] = encryption.lock([{ key: 'k', value: 'abc' }]);
    const bytes = Buffer.from(locked?.value as string, 'base64');
    assert.equal(bytes.readInt32BE(0), 128);
    assert.equal(bytes.length, 4 + 128 + '"abc"'.length + 16);
  });

  it("decrypts values that Apache OpenWhisk's controller encrypted", () => {
    const locked =
      'AAAAgKnHW4Wjh+H3DUhkgIoSzqCsrJJl33dyVvoIDBOkUw1J8nNNMRCoqt358/elVoFmlO/XXWUla4Zx94rm5aEMOEEWPxgfnppArt2HTajD14or' +
      'GAuS/pfqMmDD7Peow3O7/hmcbJlIO/ynuZx/BbEiOqTNrLfg+xb9+BbGiWKxC2oZf4vpUP79jjd+KO+pP8zM18piXxE9yx69Xg==';
    const encryption = parameterEncryption({ current: 'off', aes256: Buffer.alloc(32, 'k').toString('base64') });
    assert.deepEqual(encryption.decrypt('aes-256', locked), { x: [1] });
  });

  it('leaves encrypted values alone, and hands out no ciphertext without a key', () => {
    const encryption = parameterEncryption({ current: 'aes-128', aes128 });
    const already = { key: 'k', value: 'x', encryption: 'aes-256' };
    assert.deepEqual(encryption.lock([already]), [already]);
    assert.throws(() => encryption.decrypt('aes-256', 'x'), /the key for aes-256 is missing/);
    assert.throws(() => noEncryption.decrypt('aes-128', 'x'), /the key for aes-128 is missing/);
    assert.equal(noEncryption.decrypt('noop', 'x'), 'x');
  });

  it('takes the name of a cipher from no client, unless the stored document has the same', () => {
    const stored = { parameters: [{ key: 'k', value: 'x', encryption: 'aes-256' }], name: 'a' };
    assert.deepEqual(withOwnEncryption(stored, stored), stored);
    assert.deepEqual(withOwnEncryption(stored, undefined), { parameters: [{ key: 'k', value: 'x' }], name: 'a' });
    const changed = {
      parameters: [
        { key: 'k', value: 'other', encryption: 'aes-256' },
        { key: 'new', value: 'x', init: true, encryption: 'aes-256' },
        { key: 'plain', value: 1 },
      ],
    };
    assert.deepEqual(withOwnEncryption(changed, stored).parameters, [
      { key: 'k', value: 'other' },
      { key: 'new', value: 'x', init: true },
      { key: 'plain', value: 1 },
    ]);
  });

  it('opens values of an earlier cipher after a change', () => {
    const before = parameterEncryption({ current: 'aes-128', aes128 });
    const after = parameterEncryption({ current: 'aes-256', aes128, aes256 });
    const [locked] = before.lock([{ key: 'k', value: { deep: [1] } }]);
    assert.deepEqual(after.decrypt('aes-128', locked?.value as string), { deep: [1] });
  });

  it('refuses a changed ciphertext', () => {
    const encryption = parameterEncryption({ current: 'aes-128', aes128 });
    const [locked] = encryption.lock([{ key: 'k', value: 'abc' }]);
    const bytes = Buffer.from(locked?.value as string, 'base64');
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    assert.throws(() => encryption.decrypt('aes-128', bytes.toString('base64')));
    assert.throws(() => encryption.decrypt('aes-128', 'AAAA'), /malformed/);
  });

  it('is off by default, and refuses a configuration without a key', () => {
    assert.deepEqual(noEncryption.lock([{ key: 'k', value: 1 }]), [{ key: 'k', value: 1 }]);
    assert.throws(() => parameterEncryption({ current: 'aes-128' }), /key is missing/);
    assert.throws(() => parameterEncryption({ current: 'aes-128', aes128: aes256 }), /16 bytes/);
    assert.throws(() => parameterEncryption({ current: 'rot13' }), /unknown/);
  });
});
