import assert from 'node:assert/strict';
import { Lanes } from '../../../../../invoker/objects/sharing/Lanes.js';

describe('tasks for several destinations', () => {
  it('run some at a time for each, in the order of their arrival, and a slow one keeps no other one waiting', async () => {
    const lanes = new Lanes(2);
    const ran: string[] = [];
    let end: () => void = () => assert.fail('it does not run');
    lanes.add('a', () => new Promise((resolve) => (end = resolve)));
    for (const name of ['a1', 'a2', 'b1']) {
      lanes.add(name.slice(0, 1), async () => {
        ran.push(name);
        await Promise.resolve();
        ran.push(`${name} ends`);
      });
    }
    let isIdle = false;
    const idle = lanes.idle().then(() => (isIdle = true));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([ran, isIdle], [['a1', 'b1', 'a1 ends', 'b1 ends', 'a2', 'a2 ends'], false]);
    end();
    await idle;
    await lanes.idle();
  });
});
