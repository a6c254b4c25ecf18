import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { MAX_OBJECT_BYTES } from '../../../../../shared/objects/bounds.js';
import { ObjectBytes } from '../../../../../invoker/objects/memory/ObjectBytes.js';

describe('ObjectBytes', () => {
  it('has the appended bytes in order, and takes the memory that it said', () => {
    const appended = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 40 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), appended, (start, all) => {
        let bytes = ObjectBytes.of(start);
        let expected = Buffer.from(start);
        const earlier: [ObjectBytes, Buffer][] = [];
        for (const data of all) {
          const capacity = bytes.capacity + bytes.growth(data.length);
          earlier.push([bytes, expected]);
          bytes = bytes.append(data);
          expected = Buffer.concat([expected, data]);
          assert.equal(bytes.capacity, capacity);
          assert.ok(bytes.capacity <= 2 * bytes.length + 64);
          assert.equal(bytes.length, expected.length);
        }
        earlier.push([bytes, expected]);
        for (const [before, content] of earlier) assert.ok(Buffer.concat(before.pieces()).equals(content));
      }),
    );
  });

  it('keeps two objects apart that continue the same bytes', () => {
    const base = ObjectBytes.EMPTY.append(Buffer.from('base'));
    const one = base.append(Buffer.from('-one'));
    const capacity = base.capacity + base.growth(4);
    const two = base.append(Buffer.from('-two'));
    assert.deepEqual([base.text(), one.text(), two.text()], ['base', 'base-one', 'base-two']);
    assert.equal(two.capacity, capacity);
  });

  it('takes few pieces for many small appends', () => {
    let bytes = ObjectBytes.EMPTY;
    for (let n = 0; n < 100_000; n++) bytes = bytes.append(Buffer.from('0123456789'));
    assert.equal(bytes.length, 1_000_000);
    assert.ok(bytes.pieces().length < 30);
  });

  it('says the memory of an append that is larger than the object, and of one that has a byte of room', () => {
    const small = ObjectBytes.EMPTY.append(Buffer.alloc(10));
    // A tail of 64 bytes has room for 54.
    assert.equal(small.growth(54), 0);
    assert.equal(small.growth(1000), 1000 - 54);
    assert.equal(small.append(Buffer.alloc(1000)).capacity, small.capacity + 1000 - 54);
    const nearlyFull = ObjectBytes.EMPTY.append(Buffer.alloc(50)).append(Buffer.alloc(13));
    assert.equal(nearlyFull.growth(1), 0);
    assert.equal(nearlyFull.growth(1001), 1000);
    assert.equal(nearlyFull.append(Buffer.alloc(1001)).capacity, nearlyFull.capacity + 1000);
  });

  it('takes no more memory than the largest object, however it grows to it', () => {
    for (const piece of [65_000, 1_000_003]) {
      let bytes = ObjectBytes.EMPTY;
      while (bytes.length < MAX_OBJECT_BYTES) {
        bytes = bytes.append(Buffer.alloc(Math.min(piece, MAX_OBJECT_BYTES - bytes.length)));
        assert.ok(bytes.capacity <= MAX_OBJECT_BYTES);
      }
      assert.equal(bytes.growth(1), 1);
    }
  });

  it('has no empty pieces', () => {
    assert.equal(ObjectBytes.of(Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(0)).pieces().length, 1);
    assert.deepEqual(ObjectBytes.of(Buffer.alloc(0)).pieces(), []);
  });
});
