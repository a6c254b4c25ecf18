import assert from 'node:assert/strict';
import { afterWait, NOT_SEARCHED } from '../../../../../invoker/objects/server/searches.js';
import { refused } from '../memory/memories.js';

describe('what an operation knows after it has waited', () => {
  it('is that an object is missing only if the latest wait was a search that found nothing', () => {
    const missing = afterWait(NOT_SEARCHED, 'missing');
    assert.equal(missing.mayRecover, false);
    for (const prepared of ['over', 'found'] as const) assert.equal(afterWait(missing, prepared).mayRecover, true);
  });

  it('is after many searches that the object does not stay', () => {
    let searches = NOT_SEARCHED;
    for (let i = 0; i < 20; i++) searches = afterWait(searches, 'found');
    assert.equal(afterWait(searches, 'over').mayRecover, true);
    assert.throws(() => afterWait(searches, 'found'), refused(503, /no memory to keep/));
  });
});
