import assert from 'node:assert/strict';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import * as fc from 'fast-check';
import { ApiError } from '../../../../controller/http/ApiError.js';
import { renderContentType } from '../../../../controller/http/ContentType.js';
import { EXTENSIONS, type Extension } from '../../../../controller/webactions/request.js';
import { projection, webResponse } from '../../../../controller/webactions/response.js';
import { StatusCode } from '../../../../shared/entities/activation.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAGCAYAAAD68A/GAAAADUlEQVQYV2NgGAWEAQABAQAB';

/** What is sent, with text and bytes told apart. */
function sent(result: Json, extension: Extension = 'http'): unknown {
  const { status, headers, body } = webResponse(result, extension);
  return {
    status,
    ...(headers.length > 0 ? { headers } : {}),
    ...(body ? { type: renderContentType(body.type), content: body.content } : {}),
  };
}
const refused = (result: Json, message: string, extension: Extension = 'http', status = 400): void =>
  assert.throws(() => webResponse(result, extension), { status, message }, JSON.stringify(result));

describe('projection', () => {
  it('takes the result of a success and the error of an application error', () => {
    assert.deepEqual(projection(StatusCode.success, { a: 1 }), { a: 1 });
    assert.deepEqual(projection(StatusCode.success, undefined), {});
    assert.deepEqual(projection(StatusCode.applicationError, { error: { statusCode: 400 } }), { statusCode: 400 });
    assert.equal(projection(StatusCode.applicationError, { error: null }), null);
  });

  it('tells nothing of other failures', () => {
    const message = 'There was an error processing your request.';
    for (const code of [StatusCode.developerError, StatusCode.whiskError]) {
      assert.throws(() => projection(code, { error: 'secret' }), { status: 400, message });
    }
    const missing = { status: 404, message: 'Response does not include requested property.' };
    assert.throws(() => projection(StatusCode.applicationError, { a: 1 }), missing);
    assert.throws(() => projection(StatusCode.applicationError, []), missing);
  });
});

describe('webResponse for .json', () => {
  it('sends objects and arrays', () => {
    assert.deepEqual(sent({ a: 1 }, 'json'), { status: 200, type: 'application/json', content: '{\n  "a": 1\n}' });
    assert.deepEqual(sent([1], 'json'), { status: 200, type: 'application/json', content: '[\n  1\n]' });
  });

  it('refuses everything else', () => {
    for (const value of ['text', 1, true, null]) refused(value, "Response is not valid 'application/json'.", 'json');
  });
});

describe('webResponse for .html and .svg', () => {
  it('takes body, or the field of the name, or a text itself', () => {
    const html = { status: 200, type: 'text/html; charset=UTF-8', content: '<p/>' };
    assert.deepEqual(sent({ html: '<p/>' }, 'html'), html);
    assert.deepEqual(sent({ body: '<p/>', html: 'no' }, 'html'), html);
    assert.deepEqual(sent('<p/>', 'html'), html);
    const svg = { status: 200, type: 'image/svg+xml', content: Buffer.from('<svg/>') };
    assert.deepEqual(sent({ svg: '<svg/>' }, 'svg'), svg);
    assert.deepEqual(sent({ body: '<svg/>' }, 'svg'), svg);
  });

  it('refuses a result that is not text', () => {
    for (const value of [{}, { body: null, html: 'x', svg: 'x' }, { body: {} }, [], 1, null]) {
      refused(value, "Response is not valid 'text/html'.", 'html');
      refused(value, "Response is not valid 'image/svg+xml'.", 'svg');
    }
  });
});

describe('webResponse for .text', () => {
  it('writes any value as text', () => {
    const cases: [Json, string][] = [
      ['a', 'a'],
      ['', ''],
      [true, 'true'],
      [1, '1'],
      [null, 'null'],
      [{ a: 'A' }, '{\n  "a": "A"\n}'],
      [['a', 1], '["a", 1]'],
    ];
    for (const [value, text] of cases) {
      assert.deepEqual(sent({ body: value }, 'text'), { status: 200, type: 'text/plain', content: text });
    }
    assert.deepEqual(sent({ text: 'x' }, 'text'), { status: 200, type: 'text/plain', content: 'x' });
    assert.deepEqual(sent('x', 'text'), { status: 200, type: 'text/plain', content: 'x' });
  });

  it('answers 404 for a missing property', () => {
    refused({ a: 1 }, 'Response does not include requested property.', 'text', 404);
  });
});

describe('webResponse for .http', () => {
  const INVALID = "Response is not valid 'message/http'.";
  const MISMATCH = 'Response type in header did not match generated content type.';

  it('is 204 without a body, unless a status is given', () => {
    for (const result of [{}, { body: '' }, { body: null }]) {
      assert.deepEqual(sent(result), { status: 204 });
      assert.deepEqual(sent({ ...result, statusCode: 201 }), { status: 201 });
    }
  });

  it('sends status and headers, but no content type without a body', () => {
    assert.deepEqual(sent({ statusCode: 302, headers: { location: 'http://x/', 'Content-Type': 'a/b' } }), {
      status: 302,
      headers: [['location', 'http://x/']],
    });
  });

  it('takes whole numbers and digits for a status', () => {
    for (const statusCode of [444, '444', 444.0]) assert.deepEqual(sent({ statusCode }), { status: 444 });
    for (const statusCode of ['xyz', '', ' 200', 200.5, 99, 100, 600, -200, null, true, {}, 1e9]) {
      refused({ statusCode, body: 'x' }, INVALID);
    }
  });

  it('refuses a result that is not an object', () => {
    for (const result of ['x', 1, null, [], true]) refused(result, INVALID);
  });

  it('sends headers of several values several times', () => {
    assert.deepEqual(sent({ headers: { 'Set-Cookie': ['a=1', ['b=2']], n: 1, t: true } }), {
      status: 204,
      headers: [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['n', '1'],
        ['t', 'true'],
      ],
    });
  });

  it('refuses invalid headers and headers that would break the response', () => {
    for (const headers of ['x', null, [], { a: null }, { a: {} }, { a: ['x', null] }]) refused({ headers }, INVALID);
    for (const headers of [{ 'a b': 'x' }, { '': 'x' }, { a: 'x\r\ny: z' }, { a: 'x\0' }])
      refused({ headers }, INVALID);
  });

  it('leaves the length and the framing to the server', () => {
    assert.deepEqual(
      sent({
        headers: {
          'content-length': '9',
          'Transfer-Encoding': 'chunked',
          connection: 'close',
          Trailer: 'x',
          Expect: '100-continue',
          upgrade: 'h2c',
        },
      }),
      { status: 204 },
    );
  });

  it('sends text outside ASCII in a header as UTF-8', () => {
    for (const text of ['€', 'é', '\u0085']) {
      assert.deepEqual(sent({ headers: { a: text } }), {
        status: 204,
        headers: [['a', Buffer.from(text).toString('latin1')]],
      });
    }
  });

  it('refuses more bytes of headers than clients read, however deep they nest', () => {
    const deep = (levels: number, leaf: Json): Json => (levels === 0 ? leaf : [deep(levels - 1, leaf)]);
    refused({ headers: { a: 'x'.repeat(70_000) } }, INVALID);
    refused({ headers: { a: '€'.repeat(30_000) } }, INVALID);
    refused(
      {
        headers: {
          a: deep(
            900,
            Array.from({ length: 100_000 }, () => 'x'),
          ),
        },
      },
      INVALID,
    );
    refused({ headers: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`x-${i}`, 'y'])) }, INVALID);
    assert.deepEqual(sent({ headers: { a: deep(900, 'x') } }), { status: 204, headers: [['a', 'x']] });
  });

  it('takes a text for HTML unless a type is given', () => {
    assert.deepEqual(sent({ body: 'x' }), { status: 200, type: 'text/html; charset=UTF-8', content: 'x' });
    assert.deepEqual(sent({ body: '<a/>', headers: { 'content-type': 'text/xml' } }), {
      status: 200,
      type: 'text/xml; charset=UTF-8',
      content: '<a/>',
    });
  });

  it('decodes a text for a binary type', () => {
    assert.deepEqual(sent({ body: PNG, headers: { 'Content-Type': 'image/png' } }), {
      status: 200,
      type: 'image/png',
      content: Buffer.from(PNG, 'base64'),
    });
    refused({ body: 'not base64!', headers: { 'content-type': 'image/png' } }, MISMATCH);
  });

  it('refuses an invalid content type', () => {
    refused({ body: 'x', headers: { 'content-type': 'xyzbar' } }, 'Response did not specify a known content-type.');
    refused({ body: {}, headers: { 'content-type': 'xyzbar' } }, MISMATCH);
  });

  it('takes any other value for JSON', () => {
    const expected = { status: 200, type: 'application/json', content: '3' };
    assert.deepEqual(sent({ body: 3 }), expected);
    assert.deepEqual(sent({ body: 3, headers: { 'content-type': 'application/json; charset=utf-8' } }), expected);
    assert.deepEqual(sent({ body: { f: 'v' }, headers: { 'content-type': 'application/hal+json' } }), {
      status: 200,
      type: 'application/hal+json',
      content: '{\n  "f": "v"\n}',
    });
    refused({ body: { f: 'v' }, headers: { 'content-type': 'text/html' } }, MISMATCH);
  });

  it('sends JSON that is text or base64 already as it is', () => {
    const headers = { 'content-type': 'application/json' };
    assert.deepEqual(sent({ body: '{"f":1}', headers }), { status: 200, type: 'application/json', content: '{"f":1}' });
    assert.deepEqual(sent({ body: 'hello world', headers }), {
      status: 200,
      type: 'application/json',
      content: 'hello world',
    });
    const encoded = Buffer.from('{"field":"value"}').toString('base64');
    assert.deepEqual(sent({ body: encoded, headers: { 'content-type': 'application/json-patch+json' } }), {
      status: 200,
      type: 'application/json-patch+json',
      content: Buffer.from('{"field":"value"}'),
    });
  });

  it('has no body if the status allows none', () => {
    for (const statusCode of [204, 205, 304]) assert.deepEqual(sent({ statusCode, body: 'x' }), { status: statusCode });
  });
});

describe('webResponse for whatever an action gives', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('application/json', 'image/png', 'a/b', 'YQ=='),
  );
  const result = fc.oneof(
    json,
    fc.record(
      {
        statusCode: fc.oneof(fc.integer({ min: 0, max: 700 }), json),
        headers: fc.oneof(
          fc.dictionary(fc.oneof(texts, fc.constantFrom('Content-Type', 'x-a')), fc.oneof(texts, json)),
          json,
        ),
        body: fc.oneof(texts, json),
        html: json,
        svg: json,
        text: json,
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Json>,
  );

  it('is a response that Node sends, or a refusal', () => {
    fc.assert(
      fc.property(result, fc.constantFrom(...EXTENSIONS), (given, extension) => {
        let response;
        try {
          response = webResponse(given, extension);
        } catch (error) {
          assert.ok(error instanceof ApiError && (error.status === 400 || error.status === 404), String(error));
          return;
        }
        assert.ok(response.status >= 200 && response.status <= 599);
        for (const [name, value] of response.headers) {
          validateHeaderName(name);
          validateHeaderValue(name, value);
        }
        if (response.body) validateHeaderValue('content-type', renderContentType(response.body.type));
      }),
      { numRuns: 2000 },
    );
  });
});
