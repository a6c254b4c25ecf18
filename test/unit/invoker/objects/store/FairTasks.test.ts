import assert from 'node:assert/strict';
import { FairTasks } from '../../../../../invoker/objects/store/FairTasks.js';

describe('FairTasks', () => {
  /** Runs tasks that end in the order of their starts. @returns the names in that order. */
  async function orderOf(limit: number, tasks: readonly [group: string, name: string][]): Promise<string[]> {
    const fair = new FairTasks(limit);
    const order: string[] = [];
    let running = 0;
    const run = ([group, name]: [string, string]): Promise<void> =>
      fair.run(group, async () => {
        assert.ok(++running <= limit);
        order.push(name);
        await new Promise(setImmediate);
        running--;
      });
    await Promise.all(tasks.map((task) => run([...task])));
    return order;
  }

  it('lets groups take turns, and keeps the order within a group', async () => {
    const tasks: [string, string][] = [
      ...['a1', 'a2', 'a3', 'a4', 'a5'].map((name): [string, string] => ['a', name]),
      ['b', 'b1'],
      ['b', 'b2'],
      ['c', 'c1'],
    ];
    assert.deepEqual(await orderOf(1, tasks), ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4', 'a5']);
    assert.deepEqual(await orderOf(3, tasks), ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'a5', 'b2']);
  });

  it('gives the place of a task that fails to the next one', async () => {
    const fair = new FairTasks(1);
    const failed = assert.rejects(
      fair.run('a', () => Promise.reject(new Error('failed'))),
      /^Error: failed$/,
    );
    assert.equal(await fair.run('a', () => Promise.resolve('next')), 'next');
    await failed;
    assert.equal(await fair.run('b', () => Promise.resolve('later')), 'later');
  });
});
