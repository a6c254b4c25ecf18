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

  it('holds no chunk of a body of very many', () => {
    const body = new BodyBytes(1000);
    const chunks = Array.from({ length: 1000 }, () => Buffer.from('a'));
    for (const chunk of chunks) body.push(chunk);
    for (const chunk of chunks) chunk[0] = 0x62;
    assert.equal(body.bytes().toString(), 'a'.repeat(1000));
  });
});
