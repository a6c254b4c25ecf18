import assert from 'node:assert/strict';
import { EndedObjects } from '../../../../../invoker/objects/memory/EndedObjects.js';

describe('replicated objects that have ended', () => {
  it('are remembered for 30 s', () => {
    const ended = new EndedObjects();
    ended.note('a', 1000, 1500);
    assert.deepEqual([ended.has('a', 30_999), ended.has('a', 31_000), ended.has('b', 1500)], ['yes', 'no', 'no']);
  });

  it('are not ruled out while more have ended than are remembered', () => {
    const ended = new EndedObjects(2);
    for (const [at, place] of ['a', 'b', 'c'].entries()) ended.note(place, at, at);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((place) => ended.has(place, 10)),
      ['maybe', 'yes', 'yes', 'maybe'],
    );
    // The time of `a`, which is forgotten, is over.
    assert.deepEqual([ended.has('d', 29_999), ended.has('d', 30_000)], ['maybe', 'no']);
  });

  it('are forgotten after their time without such a doubt', () => {
    const ended = new EndedObjects(2);
    ended.note('a', 0, 0);
    ended.note('b', 0, 0);
    ended.note('c', 40_000, 40_000);
    assert.deepEqual([ended.has('a', 40_000), ended.has('c', 40_000)], ['no', 'yes']);
  });
});
