import assert from 'node:assert/strict';
import { A, newMemory, put } from './memories.js';

describe('the keys of kept objects', () => {
  it('are those of the replicated objects of a color', () => {
    const memory = newMemory();
    assert.ok(memory.isEmpty(A, 'c'));
    put(memory, A, 'm', 'one', 0, {}, 'c');
    for (const key of ['b', 'a']) put(memory, A, key, 'one', 0, { persistence: 'replicated' }, 'c');
    put(memory, A, 'other', 'one', 0, { persistence: 'replicated' }, 'd');
    assert.deepEqual([memory.keptKeys(A, 'c').toSorted(), memory.isEmpty(A, 'c')], [['a', 'b'], false]);
    put(memory, A, 'b', 'two', 0, { persistence: 'memory' }, 'c');
    assert.deepEqual(memory.keptKeys(A, 'c'), ['a']);
  });
});
