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

  it('are found in linear time, whatever the query is', () => {
    for (const part of ['?', '&', '?&', '&wait', '?&wait', '?wait']) {
      const short = `/c/k${part.repeat(Math.floor(1024 / part.length))}`;
      const long = `/c/k${part.repeat(Math.floor((60 * 1024) / part.length))}`;
      assert.equal(isWait(long), false);
      // The same number of characters, in one query and in many. In quadratic time, the one query takes 60 times as long.
      const ratio = fastest(() => isWait(long)) / fastest(() => times(60, () => isWait(short)));
      assert.ok(ratio < 15, `a query of ${part} takes ${ratio.toFixed(1)} times as long as its parts`);
    }
  });
});

function times(count: number, work: () => unknown): void {
  for (let n = 0; n < count; n++) work();
}

/** The processor time of the fastest of three runs, in µs, and no less than the clock can measure: others run on the same machine. */
function fastest(work: () => unknown): number {
  const runs = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  });
  return Math.max(Math.min(...runs), 100);
}
