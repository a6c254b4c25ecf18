import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LastLine } from '../../../../../invoker/runtimes/native/LastLine.js';

describe('the last line of a program’s output', () => {
  it('is the same however the output is cut, and the rest is passed on', () => {
    const text = fc.array(fc.constantFrom('\n', 'a', '{}', ' ', '☃'), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(20), { maxLength: 6 }), (output, cuts) => {
        const bytes = Buffer.from(output);
        const passed: Buffer[] = [];
        const line = new LastLine((chunk) => passed.push(chunk), 1000);
        let from = 0;
        for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          line.push(bytes.subarray(from, cut));
          from = Math.max(from, Math.min(cut, bytes.length));
        }
        const end = bytes.length < 2 ? -1 : bytes.lastIndexOf(0x0a, bytes.length - 2);
        assert.equal(Buffer.concat(passed).toString(), bytes.toString('utf8', 0, end + 1));
        assert.equal(line.end(), bytes.toString('utf8', end + 1).trim());
      }),
    );
  });

  it('is passed on, too, when it is over the limit', () => {
    const passed: string[] = [];
    const line = new LastLine((chunk) => passed.push(chunk.toString()), 4);
    line.push(Buffer.from('log\n12'));
    line.push(Buffer.from('345'));
    assert.equal(line.end(), undefined);
    assert.equal(passed.join(''), 'log\n12345');
  });
});
