import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { leaveAtEnd, NamespaceTurns } from '../../../../shared/objects/NamespaceTurns.js';
import { ObjectError } from '../../../../shared/objects/ObjectError.js';

const refused = (error: unknown): boolean => error instanceof ObjectError && error.status === 429;

describe('the turns of namespaces', () => {
  it('are bounded for each namespace at each process, and go to the one that has waited longest', async () => {
    const turns = new NamespaceTurns({ most: 2 });
    const ends = [await turns.take('x', 'a'), await turns.take('x', 'a')];
    const order: string[] = [];
    const waiting = ['first', 'second'].map(async (name) => {
      const leave = await turns.take('x', 'a');
      order.push(name);
      return leave;
    });
    ends.push(await turns.take('x', 'b'), await turns.take('y', 'a'));
    await turn();
    assert.deepEqual(order, []);
    ends[0]?.();
    await waiting[0];
    await turn();
    assert.deepEqual(order, ['first']);
    ends[1]?.();
    for (const leave of await Promise.all(waiting)) leave();
    assert.deepEqual(order, ['first', 'second']);
    for (const again of [await turns.take('x', 'a'), await turns.take('x', 'a')]) again();
  });

  it('are refused if too many wait, or one waits for too long', async () => {
    const turns = new NamespaceTurns({ most: 1, mostWaiting: 1, waitMs: 20 });
    const leave = await turns.take('x', 'a');
    const late = turns.take('x', 'a');
    const late_ = assert.rejects(late, refused);
    await assert.rejects(turns.take('x', 'a'), refused);
    await late_;
    leave();
    (await turns.take('x', 'a'))();
  });

  it('are not kept for a request whose caller has gone', async () => {
    const turns = new NamespaceTurns({ most: 1 });
    const leave = await turns.take('x', 'a');
    const gone = new AbortController();
    const waiting = turns.take('x', 'a', gone.signal);
    const next = turns.take('x', 'a');
    gone.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    leave();
    (await next)();
    await assert.rejects(turns.take('x', 'a', gone.signal), { name: 'AbortError' });
    (await turns.take('x', 'a'))();
  });

  it('end with the body of a response, also if that had ended before', async () => {
    const turns = new NamespaceTurns({ most: 1 });
    const bodies = [new PassThrough(), new PassThrough()];
    const [early, late] = bodies;
    assert.ok(early && late);
    early.destroy();
    await once(early, 'close');
    for (const body of bodies) leaveAtEnd(body, await turns.take('x', 'a'));
    const next = turns.take('x', 'a');
    late.destroy();
    (await next)();
  });
});
