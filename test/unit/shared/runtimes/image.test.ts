import assert from 'node:assert/strict';
import { imageReference, parseImageName, sameImage, type ImageName } from '../../../../shared/runtimes/image.js';

const sha = 'sha256:77af4d6b9913e693e8d0b4b294fa62ade6054e6b2f1ffb617ac955dd63fb0182';

describe('image names', () => {
  const names: ReadonlyArray<readonly [string, ImageName]> = [
    ['i', { name: 'i' }],
    ['ii:t', { name: 'ii', tag: 't' }],
    ['ii:V1.2-x', { name: 'ii', tag: 'V1.2-x' }],
    ['p/i', { name: 'i', prefix: 'p' }],
    ['a_b/c__d.e-f--g', { name: 'c__d.e-f--g', prefix: 'a_b' }],
    ['hostname:1234/img:t', { name: 'img', registry: 'hostname:1234', tag: 't' }],
    ['hostname.com/img', { name: 'img', registry: 'hostname.com' }],
    ['pre1/pre2/img', { name: 'img', prefix: 'pre1/pre2' }],
    ['hostname.com:31/p/q/img:t', { name: 'img', registry: 'hostname.com:31', prefix: 'p/q', tag: 't' }],
    [`p/img:t@${sha}`, { name: 'img', prefix: 'p', tag: 't', digest: sha }],
  ];
  for (const [text, expected] of names) {
    it(`reads ${text} and writes it again`, () => {
      const parsed = parseImageName(text);
      assert.deepEqual(JSON.parse(JSON.stringify(parsed)), expected);
      assert.ok(parsed);
      assert.equal(imageReference(parsed), text);
    });
  }

  for (const text of [
    '',
    'ABC',
    'x:8080:10/abc',
    'p/a:x:y',
    'p/a:t@sha256:77af4d6b9',
    'a//b',
    'a/',
    '-a',
    'a b',
    'a\n',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseImageName(text), undefined));
  }

  it('puts the default registry before a name without one only', () => {
    assert.equal(imageReference({ name: 'x', prefix: 'p' }, 'r'), 'r/p/x');
    assert.equal(imageReference({ name: 'x' }, 'r/'), 'r/x');
    assert.equal(imageReference({ name: 'x', registry: 'h.com', tag: 't' }, 'r'), 'h.com/x:t');
  });

  it('takes a missing tag for latest', () => {
    assert.ok(sameImage({ name: 'x', prefix: 'p' }, { name: 'x', prefix: 'p', tag: 'latest' }));
    assert.ok(!sameImage({ name: 'x' }, { name: 'x', tag: 'nightly' }));
    assert.ok(!sameImage({ name: 'x', prefix: 'p' }, { name: 'x' }));
  });

  it('takes no name that is longer than any of Docker', () => {
    assert.equal(parseImageName(`a${'-a'.repeat(1_000_000)}`), undefined);
  });
});
