import assert from 'node:assert/strict';
import { InFlight } from '../../../../../shared/messaging/kafka/InFlight.js';

describe('InFlight', () => {
  it('has room until as many messages are with the handler as there may be', () => {
    const inFlight = new InFlight(2);
    inFlight.begin();
    assert.equal(inFlight.hasRoom, true);
    inFlight.begin();
    assert.equal(inFlight.hasRoom, false);
    inFlight.end();
    assert.equal(inFlight.hasRoom, true);
  });

  it('wakes all who wait when a message is handled', async () => {
    const inFlight = new InFlight(1);
    inFlight.begin();
    const waiting = inFlight.room(10_000);
    inFlight.end();
    assert.equal(await waiting, true);
  });

  it('says no when no message was handled in time', async () => {
    const inFlight = new InFlight(1);
    inFlight.begin();
    assert.equal(await inFlight.room(5), false);
  });

  it('is idle when no message is with the handler', async () => {
    const inFlight = new InFlight(3);
    await inFlight.idle();
    inFlight.begin();
    inFlight.begin();
    let idle = false;
    const waiting = inFlight.idle().then(() => (idle = true));
    inFlight.end();
    await Promise.resolve();
    assert.equal(idle, false);
    inFlight.end();
    await waiting;
    assert.equal(idle, true);
  });
});
