import assert from 'node:assert/strict';
import { BusHealth } from '../../../../../shared/messaging/kafka/BusHealth.js';
import { recordingLogger } from './recordingLogger.js';

describe('BusHealth', () => {
  function setup(): { health: BusHealth; lines: string[]; at: (ms: number) => void } {
    const { log, lines } = recordingLogger();
    let now = 0;
    return { health: new BusHealth(log, 'host:9092', () => now), lines, at: (ms) => (now = ms) };
  }
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

  it('says at once that a bus is away that never answered, and why', () => {
    const { health, lines } = setup();
    assert.equal(health.isUp(), true);
    health.failed(refused);
    assert.equal(health.isUp(), false);
    assert.deepEqual(lines, [
      'warn: the bus (Kafka at host:9092) is unavailable, waiting for it: the connection is refused (connect ECONNREFUSED)',
    ]);
  });

  it('says an outage once, and its duration at its end', () => {
    const { health, lines, at } = setup();
    health.answered();
    at(1000);
    for (let ms = 1000; ms < 60_000; ms += 500) {
      at(ms);
      health.failed(refused);
      health.check();
    }
    at(61_000);
    health.answered();
    health.answered();
    assert.equal(lines.length, 2);
    assert.equal(lines[1], 'info: the bus (Kafka at host:9092) is available again after 60.0 s');
    assert.equal(health.since, 61_000);
    assert.equal(health.answeredAt, 61_000);
    assert.equal(health.isUp(), true);
  });

  it('bears failures for 5 s, as a change of leaders brings them', () => {
    const { health, lines, at } = setup();
    health.answered();
    at(1000);
    health.failed(refused);
    at(5999);
    health.failed(refused);
    assert.equal(health.isUp(), true);
    at(6000);
    assert.equal(health.isUp(), false);
    assert.equal(health.since, 1000);
    assert.equal(lines.length, 1);
  });

  it('counts a bus that does not answer a request for 5 s as unavailable', () => {
    const { health, lines, at } = setup();
    health.answered();
    const first = health.asked();
    at(4000);
    health.asked();
    at(4999);
    assert.equal(health.isUp(), true);
    health.settled(first);
    at(8999);
    assert.equal(health.isUp(), true);
    at(9000);
    assert.equal(health.isUp(), false);
    assert.match(lines[0] ?? '', /a request got no response for 5 s/);
  });
});
