import assert from 'node:assert/strict';
import {
  inNamespace,
  isPath,
  MalformedNameError,
  readComponentName,
  readQualifiedName,
} from '../../../../controller/invocation/qualifiedNames.js';

const read = (value: string) => readComponentName(value, 'me');

describe('fully qualified names', () => {
  it('are read from text, with or without a leading slash', () => {
    assert.deepEqual(readQualifiedName('/ns/action'), { path: 'ns', name: 'action' });
    assert.deepEqual(readQualifiedName('ns/pkg/action'), { path: 'ns/pkg', name: 'action' });
    assert.deepEqual(readQualifiedName('//_//pkg//a b'), { path: '_/pkg', name: 'a b' });
  });

  it('are read from an object', () => {
    assert.deepEqual(readQualifiedName({ path: '/ns/pkg', name: 'a' }), { path: 'ns/pkg', name: 'a' });
  });

  it('are refused with the words of OpenWhisk', () => {
    const tooShort =
      'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.';
    assert.throws(() => readQualifiedName('alone'), new MalformedNameError(tooShort));
    assert.throws(() => readQualifiedName('/'), new MalformedNameError('requirement failed: path undefined'));
    const invalid = 'requirement failed: path contains invalid parts WrappedArray(ns, a!)';
    assert.throws(() => readQualifiedName('/ns/a!'), new MalformedNameError(invalid));
    for (const value of [7, null, [], {}, { path: 'ns' }, { path: 'n!s', name: 'a' }, { path: 'ns', name: 'a ' }]) {
      assert.throws(() => readQualifiedName(value), new MalformedNameError('fully qualified name malformed'));
    }
  });

  it('get the caller’s namespace for the placeholder', () => {
    assert.deepEqual(inNamespace({ path: '_', name: 'a' }, 'me'), { path: 'me', name: 'a' });
    assert.deepEqual(inNamespace({ path: '_/pkg', name: 'a' }, 'me'), { path: 'me/pkg', name: 'a' });
    assert.deepEqual(inNamespace({ path: '_x', name: 'a' }, 'me'), { path: '_x', name: 'a' });
  });

  it('know a path', () => {
    for (const path of ['a', 'a/b/c/d', '/ns/pkg/feed', 'x y']) assert.ok(isPath(path), path);
    for (const path of ['', '/', 'a!', 'ns/ a', 'ns/a ']) assert.ok(!isPath(path), path);
  });
});

describe('the name of a component, from a conductor', () => {
  it('is the caller’s own unless it begins with a slash or has three segments', () => {
    assert.deepEqual(read('action'), { path: 'me', name: 'action' });
    assert.deepEqual(read('pkg/action'), { path: 'me/pkg', name: 'action' });
    assert.deepEqual(read('/other/action'), { path: 'other', name: 'action' });
    assert.deepEqual(read('/_/action'), { path: 'me', name: 'action' });
    assert.deepEqual(read('other/pkg/action'), { path: 'other/pkg', name: 'action' });
    assert.deepEqual(read('/other/pkg/action'), { path: 'other/pkg', name: 'action' });
  });

  it('is undefined with one absolute segment, with more than three, or with an invalid name', () => {
    for (const value of ['/action', '/a/b/c/d', 'a/b/c/d', '', '/', 'a!']) assert.equal(read(value), undefined, value);
    for (const value of [7, null, {}, ['a']]) assert.equal(readComponentName(value, 'me'), undefined);
  });

  it('are refused if they are too long, before they are parsed', () => {
    const long = 'a/'.repeat(5_000_000);
    assert.throws(() => readQualifiedName(long), new MalformedNameError('requirement failed: path is too long'));
    assert.equal(isPath(long), false);
  });
});
