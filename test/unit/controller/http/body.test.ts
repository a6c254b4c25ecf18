import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { readBody, readJson, readJsonObject } from '../../../../controller/http/body.js';

/** A request with these headers, whose body comes in these pieces. */
function request(headers: Record<string, string>, ...pieces: (string | Buffer)[]): IncomingMessage {
  const stream = new PassThrough();
  for (const piece of pieces) stream.write(piece);
  stream.end();
  return Object.assign(stream, { headers }) as unknown as IncomingMessage;
}
const json = { 'content-type': 'application/json' };
const chunked = { 'transfer-encoding': 'chunked' };

describe('readBody', () => {
  it('puts the pieces together', async () => {
    assert.equal((await readBody(request({}, 'a', 'b', 'c'))).toString(), 'abc');
    assert.equal((await readBody(request({}))).length, 0);
  });

  it('refuses what is announced, and what comes, over the limit', async () => {
    const error = { status: 413, message: 'Request larger than allowed: 5 > 4 bytes.' };
    await assert.rejects(readBody(request({ 'content-length': '5' }), 4), error);
    await assert.rejects(readBody(request(chunked, 'abc', 'de'), 4), error);
    assert.equal((await readBody(request(chunked, 'ab', 'cd'), 4)).length, 4);
  });

  it('says that a request broke off', async () => {
    const broken = request(chunked, 'a');
    const read = readBody(broken);
    broken.emit('error', new Error('reset'));
    await assert.rejects(read, { status: 400 });
  });
});

describe('readJson', () => {
  it('needs a body, of type JSON', async () => {
    assert.deepEqual(await readJson(request({ ...json, ...chunked }, '[1]')), [1]);
    await assert.rejects(readJson(request(json)), { status: 400, message: 'Request entity expected but not supplied' });
    await assert.rejects(readJson(request({ 'content-type': 'Text/Plain', ...chunked }, '1')), { status: 415 });
    await assert.rejects(readJson(request(chunked, '1')), { status: 415 });
  });

  it('reads the encoding that the type names, and UTF-8 where it names none that is known', async () => {
    const latin1 = Buffer.from('"\u00e9"', 'latin1');
    const typed = (charset: string) => ({ 'content-type': `application/json; charset=${charset}`, ...chunked });
    assert.equal(await readJson(request(typed('ISO-8859-1'), latin1)), '\u00e9');
    assert.equal(await readJson(request(typed('"utf-8"'), '"\u00e9"')), '\u00e9');
    assert.equal(await readJson(request(typed('nonsense'), '"\u00e9"')), '\u00e9');
  });
});

describe('readJsonObject', () => {
  it('takes no body for an empty object, and nothing but objects', async () => {
    assert.deepEqual(await readJsonObject(request({})), {});
    assert.deepEqual(await readJsonObject(request({ ...json, ...chunked }, '{"a":', '1}')), { a: 1 });
    for (const text of ['[]', '"x"', 'null', '1']) {
      await assert.rejects(readJsonObject(request({ ...json, ...chunked }, text)), {
        status: 400,
        message: 'The request content was malformed:\nJSON object expected',
      });
    }
  });

  it('minds the size before the type', async () => {
    await assert.rejects(readJsonObject(request({ 'content-type': 'text/plain', ...chunked }, 'abcde'), 4), {
      status: 413,
    });
  });
});
