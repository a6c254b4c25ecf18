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

  it('says at once that a bus that never answered is unavailable, and why', () => {
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

  it('counts a bus that does not answer a send for 5 s as unavailable', () => {
    const { health, lines, at } = setup();
    health.answered();
    const first = health.sending();
    at(4000);
    health.sending();
    at(4999);
    assert.equal(health.isUp(), true);
    health.unsent(first);
    at(8999);
    assert.equal(health.isUp(), true);
    at(9000);
    assert.equal(health.isUp(), false);
    assert.match(lines[0] ?? '', /a message got no response for 5 s/);
  });

  it('says an outage once, although a send of that time gets no response while later sends get one', () => {
    const { health, lines, at } = setup();
    health.answered();
    health.sending();
    at(5000);
    assert.equal(health.isUp(), false);
    for (let ms = 6000; ms <= 20_000; ms += 1000) {
      at(ms);
      health.sent(health.sending());
      assert.equal(health.isUp(), true);
    }
    assert.deepEqual(lines.slice(1), ['info: the bus (Kafka at host:9092) is available again after 6.0 s']);
    at(25_000);
    assert.equal(health.isUp(), false);
    assert.equal(health.since, 20_000);
  });

  it('says an outage of sends once while fetches get responses, as with a frozen follower', () => {
    const { health, lines, at } = setup();
    const send = health.sending();
    for (let ms = 0; ms <= 10_000; ms += 500) {
      at(ms);
      health.answered();
      assert.equal(health.isUp(), ms < 5000);
    }
    assert.equal(health.answeredAt, 10_000);
    assert.equal(lines.length, 1);
    health.sent(send);
    assert.deepEqual(lines.slice(1), ['info: the bus (Kafka at host:9092) is available again after 10.0 s']);
  });
});
