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
});
