import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { ObjectTokens } from '../../../../shared/objects/ObjectToken.js';

const namespace = { uuid: 'u-1', name: 'guest', limitBytes: 1024 };
const secret = randomBytes(32);

describe('ObjectTokens', () => {
  const tokens = new ObjectTokens(secret, 'invoker0');

  it('reads the namespace of its own token', () => {
    assert.deepEqual(tokens.verify(tokens.make(namespace)), namespace);
    const unlimited = { ...namespace, limitBytes: undefined };
    assert.deepEqual(tokens.verify(tokens.make(unlimited)), unlimited);
  });

  it('is read up to 4,096 characters', () => {
    const named = (length: number) => ({ ...namespace, name: 'n'.repeat(length) });
    const longest = named(3039 - JSON.stringify(['u-1', '', 1024]).length);
    assert.equal(tokens.make(longest).length, 4096);
    assert.deepEqual(tokens.verify(tokens.make(longest)), longest);
    assert.equal(tokens.verify(tokens.make(named(longest.name.length + 1))), undefined);
  });

  it('refuses the token of another invoker, of an earlier run, and of another namespace', () => {
    const token = tokens.make(namespace);
    assert.equal(new ObjectTokens(secret, 'invoker1').verify(token), undefined);
    assert.equal(new ObjectTokens(randomBytes(32), 'invoker0').verify(token), undefined);
    const [, signature] = token.split('.');
    const [claims] = tokens.make({ ...namespace, uuid: 'u-2' }).split('.');
    assert.equal(tokens.verify(`${claims}.${signature}`), undefined);
  });

  it('refuses a token with any changed character, and any other text', () => {
    const token = tokens.make(namespace);
    for (let at = 0; at < token.length - 1; at++) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      assert.equal(tokens.verify(changed), undefined);
    }
    assert.equal(tokens.verify(`${'a'.repeat(5000)}${token}`), undefined);
    fc.assert(fc.property(fc.string(), (text) => tokens.verify(text) === undefined));
    fc.assert(fc.property(fc.base64String(), fc.base64String(), (a, b) => tokens.verify(`${a}.${b}`) === undefined));
  });
});
