import assert from 'node:assert/strict';
import { limitStarts } from '../../../../invoker/containers/limitStarts.js';
import { FakeDriver } from '../pool/FakeDriver.js';
import { Gate, NODE_IMAGE, settle } from '../pool/setup.js';

describe('limitStarts', () => {
  const spec = (name: string) => ({ name, image: NODE_IMAGE, memoryMB: 128, environment: {}, concurrency: 1 });

  it('starts so many at a time, the rest in their order, also when one fails', async () => {
    const driver = new FakeDriver();
    const gate = new Gate();
    const begun: string[] = [];
    driver.creating = async ({ name }) => {
      begun.push(name);
      await gate.pass();
      if (name === 'b') throw new Error('no');
    };
    const limited = limitStarts(driver, 2);
    const all = ['a', 'b', 'c', 'd'].map((name) => limited.create(spec(name)).catch(() => 'failed'));
    await settle();
    assert.deepEqual(begun, ['a', 'b']);
    gate.one();
    await settle();
    assert.deepEqual(begun, ['a', 'b', 'c']);
    gate.open();
    const made = await Promise.all(all);
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    assert.deepEqual(
      made.map((container) => container === 'failed'),
      [false, true, false, false],
    );
    assert.equal((await limited.create(spec('e'))).running, true);
  });

  it('is the driver itself without a limit', () => {
    const driver = new FakeDriver();
    assert.equal(limitStarts(driver, 0), driver);
  });
});
