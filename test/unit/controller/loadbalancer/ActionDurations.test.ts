import assert from 'node:assert/strict';
import { ActionDurations } from '../../../../controller/loadbalancer/ActionDurations.js';

describe('the durations of actions', () => {
  it('are running averages in which one long call counts for little, as in the example', () => {
    const durations = new ActionDurations();
    assert.equal(durations.of('a'), 100, 'before one has ended');
    durations.note('a', 40);
    assert.equal(durations.of('a'), 40);
    durations.note('a', 60_000);
    assert.equal(durations.of('a'), 68);
    for (let i = 0; i < 100; i++) durations.note('a', 5);
    assert.ok(Math.abs(durations.of('a') - 5) < 0.1);
    for (let i = 0; i < 100; i++) durations.note('a', 500);
    assert.ok(durations.of('a') > 450, 'and it does follow');
  });

  it('are remembered for 10,000 actions', () => {
    const durations = new ActionDurations();
    for (let i = 0; i < 10_001; i++) durations.note(`a${i}`, 7);
    assert.equal(durations.of('a0'), 100);
    assert.equal(durations.of('a1'), 7);
  });

  it('forget the action whose last invocation ended first', () => {
    const durations = new ActionDurations();
    for (let i = 0; i < 10_000; i++) durations.note(`a${i}`, 7);
    durations.note('a0', 7);
    durations.note('new', 7);
    assert.equal(durations.of('a0'), 7);
    assert.equal(durations.of('a1'), 100);
  });

  it('give the cost of a miss after five runs that met their color and five that missed it', () => {
    const durations = new ActionDurations();
    for (let i = 0; i < 9; i++) durations.note('a', 60, true);
    for (let i = 0; i < 4; i++) durations.note('a', 360, false);
    for (let i = 0; i < 9; i++) durations.note('a', 10_000);
    assert.equal(durations.missCostOf('a'), undefined);
    durations.note('a', 360, false);
    assert.equal(durations.missCostOf('a'), 300);
    assert.equal(durations.missCostOf('b'), undefined);
    for (let i = 0; i < 5; i++) durations.note('c', 360, true);
    for (let i = 0; i < 4; i++) durations.note('c', 60, false);
    assert.equal(durations.missCostOf('c'), undefined);
    durations.note('c', 60, false);
    assert.equal(durations.missCostOf('c'), 0, 'not less than nothing');
  });
});
