import assert from 'node:assert/strict';
import { TaskLimit } from '../../../../invoker/containers/TaskLimit.js';

describe('TaskLimit', () => {
  /** Runs tasks that end in the order of their starts. @returns the names in that order. */
  async function orderOf(limit: number, tasks: readonly [group: string, name: string][]): Promise<string[]> {
    const limited = new TaskLimit(limit);
    const order: string[] = [];
    let running = 0;
    const run = ([group, name]: [string, string]): Promise<void> =>
      limited.run(async () => {
        assert.ok(++running <= limit);
        order.push(name);
        await new Promise(setImmediate);
        running--;
      }, group);
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
    const limited = new TaskLimit(1);
    const failed = assert.rejects(
      limited.run(() => Promise.reject(new Error('failed')), 'a'),
      /^Error: failed$/,
    );
    assert.equal(await limited.run(() => Promise.resolve('next'), 'a'), 'next');
    await failed;
    assert.equal(await limited.run(() => Promise.resolve('later')), 'later');
  });
});
