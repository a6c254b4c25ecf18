import assert from 'node:assert/strict';
import { Slots } from '../../../../../shared/messaging/kafka/Slots.js';

describe('Slots', () => {
  it('are free until as many are taken as there may be', () => {
    const slots = new Slots(2);
    slots.take();
    assert.equal(slots.free, true);
    slots.take();
    assert.equal(slots.free, false);
    slots.release();
    assert.equal(slots.free, true);
  });

  it('wake who waits when one is released', async () => {
    const slots = new Slots(1);
    slots.take();
    const waiting = slots.wait(10_000);
    slots.release();
    assert.equal(await waiting, true);
  });

  it('say no when none was released in time', async () => {
    const slots = new Slots(1);
    slots.take();
    assert.equal(await slots.wait(5), false);
  });

  it('are idle when none is taken', async () => {
    const slots = new Slots(3);
    await slots.idle();
    slots.take();
    slots.take();
    let idle = false;
    const waiting = slots.idle().then(() => (idle = true));
    slots.release();
    await Promise.resolve();
    assert.equal(idle, false);
    slots.release();
    await waiting;
    assert.equal(idle, true);
  });
});
