import assert from 'node:assert/strict';
import { SpareBuffers } from '../../../../../invoker/objects/calls/SpareBuffers.js';

const MB = 1024 * 1024;

describe('spare buffers', () => {
  it('are taken again by copies of similar sizes', () => {
    const spare = new SpareBuffers();
    const buffer = spare.take(4 * MB + 10);
    assert.equal(buffer.byteLength, 4.25 * MB);
    spare.give(buffer);
    assert.equal(spare.bytes, 4.25 * MB);
    assert.notEqual(spare.take(5 * MB), buffer);
    assert.notEqual(spare.take(2 * MB), buffer);
    assert.equal(spare.take(4 * MB), buffer);
    assert.equal(spare.bytes, 0);
    assert.notEqual(spare.take(4 * MB), buffer);
  });

  it('of small copies are hardly larger than their copies', () => {
    const spare = new SpareBuffers();
    assert.equal(spare.take(65 * 1024).byteLength, 128 * 1024);
    assert.equal(spare.take(MB - 1).byteLength, MB);
    spare.give(new ArrayBuffer(256 * 1024));
    assert.equal(spare.take(65 * 1024).byteLength, 128 * 1024);
    assert.equal(spare.take(200 * 1024).byteLength, 256 * 1024);
    assert.equal(spare.bytes, 0);
  });

  it('are bounded', () => {
    const spare = new SpareBuffers();
    for (let n = 0; n < 10; n++) spare.give(new ArrayBuffer(4 * MB));
    assert.equal(spare.bytes, 16 * MB);
    spare.give(new ArrayBuffer(10));
    assert.equal(spare.bytes, 16 * MB);
    assert.equal(spare.take(10).byteLength, 10);
  });

  it('go when nobody has used them for a while', () => {
    const spare = new SpareBuffers();
    spare.give(new ArrayBuffer(MB));
    spare.tidy();
    assert.equal(spare.bytes, MB);
    spare.give(spare.take(MB));
    spare.tidy();
    spare.tidy();
    assert.equal(spare.bytes, 0);
  });
});
