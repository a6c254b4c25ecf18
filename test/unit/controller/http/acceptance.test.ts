import assert from 'node:assert/strict';
import { isAcceptable } from '../../../../controller/http/acceptance.js';
import { contentType } from '../../../../controller/http/ContentType.js';

const HTML = contentType('text/html; charset=UTF-8');
const accepts = (accept?: string, charset?: string): boolean => isAcceptable(HTML, accept, charset);

describe('isAcceptable', () => {
  it('accepts any type if the header is missing or unreadable', () => {
    for (const accept of [undefined, '', 'nonsense', '*', '*/*']) assert.ok(accepts(accept), accept);
  });

  it('looks for a range that fits', () => {
    assert.ok(accepts('text/html'));
    assert.ok(accepts('application/json, text/*;q=0.1'));
    assert.ok(accepts('TEXT/HTML;charset=iso-8859-1'));
    assert.ok(!accepts('application/json'));
    assert.ok(!accepts('text/xml, image/*'));
    assert.ok(!accepts('text/html;level=1'));
  });

  it('lets the most specific range decide', () => {
    assert.ok(!accepts('text/html;q=0, */*'));
    assert.ok(!accepts('*/*, text/*;q=0'));
    assert.ok(accepts('*/*;q=0, text/html'));
  });

  it('asks for the charset of a text, not of bytes', () => {
    assert.ok(!accepts('*/*', 'iso-8859-1'));
    assert.ok(accepts('*/*', 'iso-8859-1, *;q=0.5'));
    assert.ok(accepts('*/*', 'utf-8'));
    assert.ok(!accepts('*/*', 'utf-8;q=0, *'));
    assert.ok(isAcceptable(contentType('image/png'), 'image/*', 'iso-8859-1'));
    assert.ok(isAcceptable(contentType('text/plain'), 'text/plain', 'iso-8859-1'));
  });
});
