import assert from 'node:assert/strict';
import { StaleSets, type StaleSet } from '../../../../../invoker/objects/sharing/StaleSets.js';
import { A } from '../memory/memories.js';

const set = (epoch: number, color = 'c'): StaleSet => ({
  at: { instance: 1, url: 'http://invoker1' },
  namespace: A,
  color,
  epoch,
});

describe('sets of copies that are out of date', () => {
  let now: number;
  let told: StaleSet[];
  let answers: boolean;
  let sets: StaleSets;

  beforeEach(() => {
    [now, told, answers] = [0, [], false];
    sets = new StaleSets(
      async (stale) => {
        told.push(stale);
        return answers;
      },
      () => now,
    );
  });

  it('are told to their invokers again with growing pauses, and not for ever', async () => {
    sets.add(set(5));
    const times: number[] = [];
    for (; now < 3_600_000; now += 1000) {
      const before = told.length;
      await sets.tend();
      if (told.length > before) times.push(now / 1000);
    }
    assert.deepEqual(times, [0, 5, 15, 35, 75, 155, 315, 635]);
    assert.equal(sets.size, 0);
  });

  it('are forgotten once their invoker knows', async () => {
    sets.add(set(5));
    sets.add(set(6, 'other'));
    await sets.tend();
    answers = true;
    now += 5000;
    await sets.tend();
    assert.deepEqual([told.map(({ epoch }) => epoch), sets.size], [[5, 6, 5, 6], 0]);
  });

  it('are told with the epoch of the latest set', async () => {
    sets.add(set(5));
    sets.add(set(7));
    await sets.tend();
    assert.deepEqual(told, [set(7)]);
  });

  it('are told at most a hundred at a time', async () => {
    answers = true;
    for (let i = 0; i < 150; i++) sets.add(set(i, `c${i}`));
    await sets.tend();
    assert.deepEqual([told.length, sets.size], [100, 50]);
    await sets.tend();
    assert.deepEqual([told.length, sets.size], [150, 0]);
  });
});
