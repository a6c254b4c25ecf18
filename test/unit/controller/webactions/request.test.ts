import assert from 'node:assert/strict';
import { contentType } from '../../../../controller/http/ContentType.js';
import {
  actionArguments,
  bodyValue,
  EXTENSIONS,
  parseTarget,
  RESERVED,
  splitExtension,
  typeOfBody,
  type WebRequest,
} from '../../../../controller/webactions/request.js';

const NOT_ALLOWED = { name: 'ParametersNotAllowedError' };
const PLAIN = { raw: false, immutable: new Set<string>() };
const RAW = { raw: true, immutable: new Set<string>() };

const request = (fields: Partial<WebRequest> = {}): WebRequest => ({
  method: 'POST',
  rawHeaders: [],
  path: '',
  query: undefined,
  user: undefined,
  ...fields,
});
const CONTEXT = { __ow_method: 'post', __ow_headers: {}, __ow_path: '' };

describe('splitExtension', () => {
  it('splits off an extension that is known, and takes http for all others', () => {
    for (const extension of EXTENSIONS) {
      for (const name of ['t', 'tt', 't.wxyz', 'tt.wxyz']) {
        assert.deepEqual(splitExtension(`${name}.${extension}`), { action: name, extension });
      }
    }
    for (const name of ['t', 'abcdef', 't.wxyz', 'http', 'thttp']) {
      assert.deepEqual(splitExtension(name), { action: name, extension: 'http' });
    }
  });
});

describe('parseTarget', () => {
  it('reads namespace, package, action, extension and the path behind', () => {
    assert.deepEqual(parseTarget('/guest/p/a.json/x/y'), {
      namespace: 'guest',
      package: 'p',
      action: 'a',
      extension: 'json',
      path: '/x/y',
    });
    assert.equal(parseTarget('/guest/default/a')?.package, undefined);
    assert.equal(parseTarget('/guest/p/a')?.path, '');
    assert.equal(parseTarget('/guest/p/a/')?.path, '/');
    assert.equal(parseTarget('/guest/p/a//b/')?.path, '//b/');
  });

  it('decodes names, and writes the path anew', () => {
    const target = parseTarget('/a%20b/p%40q/n%2Ejson/x%20y/%41%2f:@');
    assert.deepEqual(target, {
      namespace: 'a b',
      package: 'p@q',
      action: 'n',
      extension: 'json',
      path: '/x%20y/A%2F:@',
    });
  });

  it('finds no action in a shorter path or in one with invalid names', () => {
    for (const path of ['', '/', '/a', '/a/b', '/a/b/', '//b/c', '/a//c', '/a/b/$c', '/a/%2F/c', '/ü/b/c']) {
      assert.equal(parseTarget(path), undefined, path);
    }
  });
});

describe('bodyValue', () => {
  const value = (text: string | Buffer, type: string, raw = false): unknown =>
    bodyValue(Buffer.from(text), contentType(type), raw);

  it('parses JSON and forms', () => {
    assert.deepEqual(value('{"a":[1]}', 'application/json'), { a: [1] });
    assert.deepEqual(value('"x"', 'application/cloudevents+json'), 'x');
    assert.deepEqual(value('a=1&b=x+y&a=2', 'application/x-www-form-urlencoded'), { a: '2', b: 'x y' });
    assert.equal(value('', 'application/json'), undefined);
    assert.deepEqual(value('', 'application/x-www-form-urlencoded'), {});
    assert.equal(value('null', 'application/json'), null);
  });

  it('refuses an unparsable body', () => {
    assert.throws(() => value('{"a":', 'application/json'), { status: 400 });
    assert.throws(() => value('a=%zz', 'application/x-www-form-urlencoded'), { status: 400 });
  });

  it('hands text on as text and bytes as base64', () => {
    assert.equal(value('1,2', 'text/csv'), '1,2');
    assert.equal(value('ü', 'text/plain'), 'ü');
    assert.equal(value('', 'text/plain'), '');
    assert.equal(value(Buffer.from([0x89, 0xff]), 'image/png'), 'if8=');
    assert.equal(value('--x', 'multipart/form-data; boundary=x'), Buffer.from('--x').toString('base64'));
    assert.equal(value('{}', 'application/json; profile=x'), '{}');
  });

  it('parses nothing for a raw action, and gives it JSON as base64', () => {
    assert.equal(value('{"b":1}', 'application/json', true), 'eyJiIjoxfQ==');
    assert.equal(value('a=1', 'application/x-www-form-urlencoded', true), 'a=1');
    assert.equal(value('no json', 'application/vnd.api+json', true), 'no json');
    assert.equal(value('{}', 'application/hal+json', true), 'e30=');
  });

  it('takes a body without a type for bytes, and no body for none', () => {
    assert.equal(typeOfBody(undefined, true)?.essence, 'application/octet-stream');
    assert.equal(typeOfBody('xyzbar', true)?.essence, 'application/octet-stream');
    assert.equal(typeOfBody(undefined, false), undefined);
    assert.equal(typeOfBody('text/plain', false)?.essence, 'text/plain');
    assert.equal(bodyValue(Buffer.alloc(0), undefined, false), undefined);
  });
});

describe('actionArguments', () => {
  it('lays the body over the query', () => {
    const given = request({ query: 'a=1&b=2' });
    assert.deepEqual(actionArguments(given, undefined, { b: 3, c: null }, PLAIN), {
      ...CONTEXT,
      a: '1',
      b: 3,
      c: null,
    });
  });

  it('puts any other body beside the query', () => {
    for (const body of ['text', 7, true, null, [1, 'a']]) {
      assert.deepEqual(actionArguments(request({ query: 'a=1' }), undefined, body, PLAIN), {
        ...CONTEXT,
        a: '1',
        __ow_body: body,
      });
    }
  });

  it('tells of method, headers, path and user', () => {
    const given = request({
      method: 'PATCH',
      path: '/x',
      user: 'guest',
      rawHeaders: [
        'X-A',
        '1',
        'x-a',
        '2',
        'Host',
        'h',
        'Content-Length',
        '3',
        'Content-Type',
        'text/html;charset=utf-8',
      ],
    });
    assert.deepEqual(actionArguments(given, contentType('text/html;charset=utf-8'), undefined, PLAIN), {
      __ow_method: 'patch',
      __ow_headers: { 'x-a': '2', host: 'h', 'content-type': 'text/html; charset=UTF-8' },
      __ow_path: '/x',
      __ow_user: 'guest',
    });
  });

  it('refuses reserved parameters in query and body', () => {
    for (const name of RESERVED) {
      assert.throws(() => actionArguments(request({ query: `${name}=x` }), undefined, undefined, PLAIN), NOT_ALLOWED);
      assert.throws(() => actionArguments(request(), undefined, { [name]: 'x' }, PLAIN), NOT_ALLOWED);
    }
  });

  it('refuses to override a final parameter', () => {
    const final = { raw: false, immutable: new Set(['x', 'y']) };
    assert.throws(() => actionArguments(request({ query: 'x=1' }), undefined, undefined, final), NOT_ALLOWED);
    assert.throws(() => actionArguments(request(), undefined, { y: 1 }, final), NOT_ALLOWED);
    assert.throws(() => actionArguments(request({ query: 'x=1' }), undefined, 'text', final), NOT_ALLOWED);
    assert.deepEqual(actionArguments(request({ query: 'z=1' }), undefined, undefined, final), { ...CONTEXT, z: '1' });
  });

  it('gives a raw action query and body as they are, overriding nothing', () => {
    const final = { raw: true, immutable: new Set(['x']) };
    assert.deepEqual(actionArguments(request({ query: 'x=1&__ow_path=a&b' }), undefined, 'Ym9keQ==', final), {
      ...CONTEXT,
      __ow_query: 'x=1&__ow_path=a&b',
      __ow_body: 'Ym9keQ==',
    });
    assert.deepEqual(actionArguments(request(), undefined, undefined, RAW), {
      ...CONTEXT,
      __ow_query: '',
      __ow_body: '',
    });
  });
});
