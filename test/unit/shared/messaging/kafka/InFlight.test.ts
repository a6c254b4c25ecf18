import assert from 'node:assert/strict';
import { InFlight } from '../../../../../shared/messaging/kafka/InFlight.js';

describe('InFlight', () => {
  it('has room until as many messages are with the handler as there may be', () => {
    const inFlight = new InFlight({ maxInFlight: 2 });
    inFlight.begin(1);
    assert.equal(inFlight.hasRoom, true);
    inFlight.begin(1);
    assert.equal(inFlight.hasRoom, false);
    inFlight.end(1);
    assert.equal(inFlight.hasRoom, true);
  });

  it('has no room while its messages have as many bytes as they may, unless they are fewer than may always be there', () => {
    const inFlight = new InFlight({ maxInFlight: 5, maxBytes: 100, minInFlight: 2 });
    inFlight.begin(99);
    assert.equal(inFlight.hasRoom, true);
    inFlight.begin(1000);
    assert.equal(inFlight.hasRoom, false);
    inFlight.end(99);
    assert.equal(inFlight.hasRoom, true, 'one is fewer than two');
    inFlight.begin(1);
    assert.equal(inFlight.hasRoom, false);
    inFlight.end(1000);
    assert.equal(inFlight.hasRoom, true);
    inFlight.begin(1);
    inFlight.begin(1);
    assert.equal(inFlight.hasRoom, true);
    inFlight.begin(1);
    inFlight.begin(1);
    assert.equal(inFlight.hasRoom, false, 'there are five');
  });

  it('has no room while another condition forbids it', async () => {
    let allowed = false;
    const inFlight = new InFlight({ maxInFlight: 2 }, () => allowed);
    inFlight.begin(1);
    const waiting = inFlight.room(10_000);
    allowed = true;
    inFlight.end(1);
    assert.equal(await waiting, true);
  });

  it('ends all waits when a message is handled', async () => {
    const inFlight = new InFlight({ maxInFlight: 1 });
    inFlight.begin(1);
    const waiting = inFlight.room(10_000);
    inFlight.end(1);
    assert.equal(await waiting, true);
  });

  it('says no when no message was handled in time', async () => {
    const inFlight = new InFlight({ maxInFlight: 1 });
    inFlight.begin(1);
    assert.equal(await inFlight.room(5), false);
  });

  it('is idle when no message is with the handler', async () => {
    const inFlight = new InFlight({ maxInFlight: 3 });
    await inFlight.idle();
    inFlight.begin(1);
    inFlight.begin(1);
    let idle = false;
    const waiting = inFlight.idle().then(() => (idle = true));
    inFlight.end(1);
    await Promise.resolve();
    assert.equal(idle, false);
    inFlight.end(1);
    await waiting;
    assert.equal(idle, true);
  });
});
