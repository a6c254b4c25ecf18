import assert from 'node:assert/strict';
import { ObjectError } from '../../../../shared/objects/ObjectError.js';
import { isWait, OpenWaits } from '../../../../shared/objects/OpenWaits.js';

const refused = (status: number) => (error: unknown) => error instanceof ObjectError && error.status === status;

describe('the requests that wait at other processes', () => {
  it('are bounded for one namespace and for all, and make room when they end', () => {
    const waits = new OpenWaits(2, 3);
    const ends = [waits.begin('a'), waits.begin('a'), waits.begin('b')];
    assert.throws(() => waits.begin('a'), refused(429));
    assert.throws(() => waits.begin('b'), refused(503));
    ends[0]?.();
    ends.push(waits.begin('b'));
    assert.throws(() => waits.begin('c'), refused(503));
    for (const end of ends.slice(1)) end();
    for (const namespace of ['a', 'a', 'b']) waits.begin(namespace);
    assert.throws(() => waits.begin('a'), refused(429));
  });

  it('are those with a time in their query', () => {
    for (const url of ['/c/k?wait=1s', '/c/k?x=1&wait=']) assert.equal(isWait(url), true, url);
    for (const url of ['/c/k', '/c/wait=1', '/c/a&wait=1', '/c/k?await=1']) assert.equal(isWait(url), false, url);
  });
});
