import assert from 'node:assert/strict';
import { own } from '../../../../shared/collections/own.js';

describe('an entry of a table', () => {
  it('is found by its own key only, and not by a name that objects inherit', () => {
    const table = { js: 1 };
    assert.equal(own(table, 'js'), 1);
    for (const key of ['ts', 'constructor', 'toString', '__proto__', '']) assert.equal(own(table, key), undefined);
  });
});
