import assert from 'node:assert/strict';
import { ObjectsError } from '../../../../../shared/objects/client/ObjectsError.js';
import { Turns } from '../../../../../shared/objects/client/Turns.js';

const LONG_MS = 600_000;
const refused = (text: RegExp) => (error: unknown) =>
  error instanceof ObjectsError && error.status === 0 && text.test(error.message);

describe('Turns', () => {
  it('gives turns at once while there are some, and then to the oldest waiting request', async () => {
    const turns = new Turns(2, 10);
    const started: string[] = [];
    const take = async (name: string): Promise<void> => {
      await turns.take(LONG_MS);
      started.push(name);
    };
    await Promise.all([take('a'), take('b')]);
    const waiting = [take('c'), take('d')];
    await new Promise(setImmediate);
    assert.deepEqual(started, ['a', 'b']);
    turns.leave();
    await waiting[0];
    assert.deepEqual(started, ['a', 'b', 'c']);
    turns.leave();
    await waiting[1];
    assert.deepEqual(started, ['a', 'b', 'c', 'd']);
    // All are over: there are as many turns as at first.
    turns.leave();
    turns.leave();
    await Promise.all([take('e'), take('f')]);
    const last = take('g');
    await new Promise(setImmediate);
    assert.deepEqual(started.slice(4), ['e', 'f']);
    turns.leave();
    await last;
  });

  it('ends a wait at its limit, and does not lose a turn by it', async () => {
    const turns = new Turns(1, 10);
    await turns.take(LONG_MS);
    await assert.rejects(turns.take(1), refused(/no connection within 1 ms: 1 other requests/));
    const next = turns.take(LONG_MS);
    turns.leave();
    await next;
    turns.leave();
    await turns.take(LONG_MS);
  });

  it('refuses requests beyond its bound at once, and takes others when there is room again', async () => {
    const turns = new Turns(1, 2);
    await turns.take(LONG_MS);
    const waiting = [turns.take(LONG_MS), turns.take(LONG_MS)];
    await assert.rejects(turns.take(LONG_MS), refused(/has 2 requests for objects that wait/));
    turns.leave();
    await waiting[0];
    const another = turns.take(LONG_MS);
    await assert.rejects(turns.take(LONG_MS), refused(/has 2 requests/));
    turns.leave();
    await waiting[1];
    turns.leave();
    await another;
  });
});
