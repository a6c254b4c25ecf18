import assert from 'node:assert/strict';
import {
  contentType,
  inUtf8,
  isJsonFamily,
  parseContentType,
  renderContentType,
} from '../../../../controller/http/ContentType.js';

describe('ContentType', () => {
  it('reads type, parameters and charset, whatever their case and spacing', () => {
    const type = contentType('Text/HTML ; Level="1" ; CHARSET=utf-8');
    assert.equal(type.essence, 'text/html');
    assert.deepEqual([...type.parameters], [['level', '1']]);
    assert.equal(renderContentType(type), 'text/html; level=1; charset=UTF-8');
  });

  it('refuses an invalid content type', () => {
    for (const text of [
      '',
      'xyzbar',
      'a/',
      '/b',
      'a/b c',
      'a/b;',
      'a/b; x',
      'text/plain,text/html',
      'a/b; x="y',
      'a/b; x="€"',
      'a/b; x="\r\n"',
      'a/b; x="\\\n"',
    ]) {
      assert.equal(parseContentType(text), undefined, text);
    }
  });

  it('takes the text types that OpenWhisk knows for text, others for bytes', () => {
    for (const text of [
      'text/plain',
      'text/html',
      'text/xml',
      'text/css',
      'text/csv',
      'text/event-stream',
      'application/json',
      'application/xml',
      'application/javascript',
      'application/x-www-form-urlencoded',
      'application/vnd.api+json',
      'text/javascript; charset=utf-8',
      'application/x-own; charset=utf-8',
    ]) {
      assert.equal(contentType(text).binary, false, text);
    }
    for (const text of [
      'image/png',
      'image/svg+xml',
      'application/octet-stream',
      'multipart/form-data; boundary=x',
      'video/mp4',
      'application/pdf',
      'application/zip',
      'text/javascript',
      'application/x-own',
      'application/hal+json',
      'application/pdf; charset=utf-8',
      'image/png; charset=utf-8',
    ]) {
      assert.equal(contentType(text).binary, true, text);
    }
  });

  it('knows JSON by its name or its suffix, unless parameters follow', () => {
    assert.ok(isJsonFamily(contentType('application/json; charset=utf-8')));
    assert.ok(isJsonFamily(contentType('application/cloudevents+json')));
    assert.ok(!isJsonFamily(contentType('application/json; profile=x')));
    assert.ok(!isJsonFamily(contentType('text/plain')));
  });

  it('writes a charset only if there is a choice', () => {
    assert.equal(renderContentType(inUtf8(contentType('text/plain'))), 'text/plain; charset=UTF-8');
    assert.equal(renderContentType(inUtf8(contentType('text/plain; charset=latin1'))), 'text/plain; charset=UTF-8');
    assert.equal(renderContentType(inUtf8(contentType('application/json; charset=utf-8'))), 'application/json');
    assert.equal(renderContentType(inUtf8(contentType('image/png'))), 'image/png');
  });

  it('quotes parameters that are no tokens', () => {
    assert.equal(
      renderContentType(contentType('multipart/form-data; boundary="a b\\"c"')),
      'multipart/form-data; boundary="a b\\"c"',
    );
  });
});
