import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { acceptFirst } from '../../../../deploy/standalone/acceptFirst.js';

const BLOCKING = { blocking: true };
const OTHER = { blocking: false };

describe('acceptFirst', () => {
  it('holds no activation back while no message is being written', () => {
    const holdBack = acceptFirst(() => undefined);
    assert.equal(holdBack(OTHER), undefined);
  });

  it('lets one activation begin for each message that is durable', async () => {
    let durable = (): void => {};
    const next = (): Promise<void> => new Promise((resolve) => (durable = resolve));
    let written: Promise<void> | undefined = next();
    const holdBack = acceptFirst(() => written);
    for (let n = 0; n < 3; n++) {
      const held = holdBack(OTHER);
      assert.ok(held);
      assert.equal(holdBack(OTHER), held, 'all wait for the same flush');
      durable();
      await held;
      written = next();
      assert.equal(holdBack(OTHER), undefined);
    }
    assert.ok(holdBack(OTHER));
    written = undefined;
  });

  it('does not hold blocking activations back, and leaves the turn to others', async () => {
    const holdBack = acceptFirst(() => Promise.resolve());
    assert.equal(holdBack(BLOCKING), undefined);
    await holdBack(OTHER);
    assert.equal(holdBack(BLOCKING), undefined);
    assert.equal(holdBack(OTHER), undefined);
    assert.ok(holdBack(OTHER));
  });

  it('lets an activation begin after the answers to the callers', async () => {
    const order: string[] = [];
    let durable = (): void => {};
    const written = new Promise<void>((resolve) => (durable = resolve));
    const held = acceptFirst(() => written)(OTHER);
    assert.ok(held);
    const begun = held.then(() => order.push('begun'));
    const answered = written.then(() => turnsOfMicrotasks(20)).then(() => order.push('answered'));
    durable();
    await Promise.all([begun, answered]);
    assert.deepEqual(order, ['answered', 'begun']);
  });

  it('holds back for a bounded time, and also if the write fails', async () => {
    await acceptFirst(() => new Promise(() => {}))(OTHER);
    await acceptFirst(() => Promise.reject(new Error('EIO')))(OTHER);
    await turn();
  });
});

async function turnsOfMicrotasks(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await Promise.resolve();
}
