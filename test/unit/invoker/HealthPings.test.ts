import assert from 'node:assert/strict';
import { HealthPings, type Ticker } from '../../../invoker/HealthPings.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { PingMessage } from '../../../shared/messages/ping.js';
import type { Producer } from '../../../shared/messaging/Messaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { Gate, settle } from './pool/setup.js';

describe('HealthPings', () => {
  const said: (boolean | undefined)[] = [];
  let last: Partial<PingMessage> = {};
  const bus = new Gate();
  let sending: () => Promise<void> = () => Promise.resolve();
  const producer: Producer = {
    send: (_, message) => {
      last = message as PingMessage;
      said.push(last.isEnabled);
      return sending();
    },
    close: () => Promise.resolve(),
  };
  let beats: (() => void)[] = [];
  const ticker: Ticker = (beat) => {
    beats.push(beat);
    return () => (beats = beats.filter((other) => other !== beat));
  };
  const pings = new HealthPings(producer, topics().health, invokerInstance(0, '0', 1024), silentLogger, { ticker });

  /** Lets an interval pass. */
  const tick = async (): Promise<void> => {
    for (const beat of beats) beat();
    await settle();
  };

  it('says at once and at each tick that the invoker lives', async () => {
    assert.equal(pings.enabled, false);
    assert.equal(pings.enable(), true);
    assert.equal(pings.enable(), false);
    assert.equal(pings.enabled, true);
    assert.deepEqual(said, [true]);
    assert.deepEqual([last.prepares, last.drains], [true, undefined]);
    await settle();
    await tick();
    assert.deepEqual(said, [true, true]);
  });

  it('does not pile them up while the bus is away', async () => {
    sending = () => bus.pass();
    await tick();
    await tick();
    assert.equal(said.length, 3);
    bus.open();
  });

  it('says twice that there shall be no work, once more if it is told so again, and then nothing', async () => {
    sending = () => Promise.reject(new Error('away'));
    said.length = 0;
    assert.equal(await pings.disable(), true);
    assert.deepEqual(said, [false, false]);
    assert.deepEqual([last.prepares, last.drains], [undefined, undefined]);
    assert.equal(await pings.disable(true), false);
    assert.deepEqual(said, [false, false, false]);
    assert.deepEqual([last.prepares, last.drains], [undefined, true], 'it drains');
    await tick();
    assert.equal(said.length, 3);
  });

  it('say which kinds cannot run with the first ping after that is known, and with each tenth from then on', async () => {
    const kinds: unknown[] = [];
    let known: Record<string, string> | undefined;
    const quiet = new HealthPings(
      { ...producer, send: async (_, message) => void kinds.push((message as PingMessage).unavailableKinds) },
      topics().health,
      invokerInstance(0, '0', 1024),
      silentLogger,
      { ticker, unavailableKinds: () => known },
    );
    quiet.enable();
    await settle();
    await tick();
    known = { 'python:3': 'there is no image' };
    for (let i = 0; i < 11; i++) await tick();
    assert.deepEqual(
      kinds.map((said) => said !== undefined),
      [false, false, true, ...Array.from({ length: 9 }, () => false), true],
    );
    await quiet.disable();
  });
});
