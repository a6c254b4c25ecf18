import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BodyBytes } from '../../../../invoker/containers/BodyBytes.js';

describe('BodyBytes', () => {
  it('has the bytes that came, in however many chunks, up to its capacity', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 300, size: 'max' }),
        fc.nat(20),
        (chunks, more) => {
          const all = Buffer.concat(chunks);
          const body = new BodyBytes(all.length + more);
          for (const chunk of chunks) body.push(Buffer.from(chunk));
          assert.deepEqual(body.bytes(), all);
        },
      ),
    );
    const small = new BodyBytes(100);
    for (let i = 0; i < 300; i++) small.push(Buffer.from([i % 256]));
    assert.deepEqual(
      [...small.bytes()],
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('takes no memory for the rest until the rest comes', () => {
    const body = new BodyBytes(1_000_000);
    body.push(Buffer.from('a'));
    assert.equal(body.bytes().buffer.byteLength < 100_000, true);
    body.push(Buffer.from('b'));
    assert.equal(body.bytes().toString(), 'ab');
  });

  it('holds no chunk, also if there is only one', () => {
    for (const count of [1, 2, 1000]) {
      const body = new BodyBytes(count);
      const chunk = Buffer.from('a');
      for (let i = 0; i < count; i++) {
        chunk[0] = 0x61;
        body.push(chunk);
        chunk[0] = 0x62;
      }
      assert.equal(body.bytes().toString(), 'a'.repeat(count));
    }
  });

  it('takes bytes that were read into their place, between chunks that were not', () => {
    const all = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
    const body = new BodyBytes(all.length);
    assert.equal(body.place(), undefined);
    body.push(Buffer.from(all.subarray(0, 10)));
    assert.equal(body.place(), undefined);
    let filled = 10;
    for (const bytes of [5, 100_000, 7, 50_000]) {
      const place = body.place();
      const chunk = all.subarray(filled, filled + bytes);
      if (place) {
        assert.equal(place.length, all.length - filled);
        chunk.copy(place);
      }
      body.push(place?.subarray(0, bytes) ?? Buffer.from(chunk));
      filled += bytes;
    }
    body.push(Buffer.from(all.subarray(filled, filled + 90_000)));
    filled += 90_000;
    // A small rest has no place.
    assert.equal(body.place(), undefined);
    body.push(Buffer.from(all.subarray(filled)));
    assert.deepEqual(body.bytes(), all);
  });

  it('has no place for bytes beyond its capacity', () => {
    const body = new BodyBytes(100_000);
    body.push(Buffer.alloc(1));
    body.push(Buffer.alloc(1));
    assert.equal(body.place()?.length, 99_998);
    body.push(Buffer.alloc(200_000));
    assert.equal(body.place(), undefined);
    assert.equal(body.bytes().length, 100_000);
  });
});
