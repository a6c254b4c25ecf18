import assert from 'node:assert/strict';
import { bytesOfText, isBase64, slicesOf, utf8Length } from '../../../../shared/entities/codeText.js';
import { SLICE } from '../../../../shared/entities/turns.js';

/** Resolves to what `work` resolves to, and to how many turns others had meanwhile. */
async function withTurns<T>(work: Promise<T>): Promise<{ value: T; turns: number }> {
  let turns = 0;
  let working = true;
  const others = (): void => {
    turns++;
    if (working) setImmediate(others);
  };
  setImmediate(others);
  const value = await work;
  working = false;
  return { value, turns };
}

describe('isBase64', () => {
  it('distinguishes binaries in base64 from source', async () => {
    assert.equal(await isBase64(Buffer.from([0x50, 0x4b, 3, 4, 0]).toString('base64')), true);
    assert.equal(await isBase64(' UEsDBAA= \n'), true);
    assert.equal(await isBase64('function main() {}'), false);
    assert.equal(await isBase64(''), false);
    assert.equal(await isBase64('ab='), false);
    assert.equal(await isBase64('a==='), false);
  });

  it('looks at each slice of long code, and lets others have their turn', async () => {
    const long = 'A'.repeat(8 * SLICE);
    const { value, turns } = await withTurns(isBase64(`${long}AAA=`));
    assert.equal(value, true);
    assert.ok(turns >= 8, `${turns} turns`);
    assert.equal(await isBase64(`${long}AA*=`), false);
  });
});

describe('slicesOf', () => {
  it('gives the text back, and cuts no character in two', () => {
    for (const text of ['', 'abc', '😀😀😀', 'a😀b😀', '\ud83d\ud83d\ude00\ude00']) {
      const slices = [...slicesOf(text, 2)];
      assert.equal(slices.join(''), text);
      for (const slice of slices.slice(1)) assert.notEqual(slice.length, 0);
    }
    assert.deepEqual([...slicesOf('a😀b', 2)], ['a', '😀', 'b']);
  });
});

describe('utf8Length and bytesOfText', () => {
  it('say of long texts what they say of short ones, and let others have their turn', async () => {
    const text = 'x€😀'.repeat(SLICE);
    assert.equal(await utf8Length(text), Buffer.byteLength(text));
    const { value, turns } = await withTurns(bytesOfText(text, 'utf8'));
    assert.ok(value.equals(Buffer.from(text)));
    assert.ok(turns >= 4, `${turns} turns`);
    assert.equal((await bytesOfText('é', 'utf8')).length, 2);
  });

  it('decode long base64, also with line ends in it', async () => {
    const bytes = Buffer.from(Array.from({ length: 3 * SLICE + 1 }, (_, i) => (i * 7) % 251));
    const text = bytes.toString('base64');
    assert.ok((await bytesOfText(text, 'base64')).equals(bytes));
    const lines = text.replaceAll(/.{76}/g, '$&\n');
    assert.ok((await bytesOfText(lines, 'base64')).equals(bytes));
    assert.ok((await bytesOfText(` ${text}\n`, 'base64')).equals(bytes));
  });
});
