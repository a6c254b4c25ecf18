import assert from 'node:assert/strict';
import { newActivationId, isActivationId } from '../../../../shared/entities/activationId.js';
import { randomHex } from '../../../../shared/entities/randomHex.js';

describe('random ids', () => {
  it('are 32 lower-case hexadecimal digits, as those of activations', () => {
    assert.match(randomHex(), /^[0-9a-f]{32}$/);
    assert.ok(isActivationId(newActivationId()));
  });

  it('differ from each other, also when the random bytes are drawn anew', () => {
    const ids = new Set(Array.from({ length: 2000 }, randomHex));
    assert.equal(ids.size, 2000);
  });
});
