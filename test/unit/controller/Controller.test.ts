import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { operatorPolicy } from '../../../shared/access/operators.js';
import { Controller, type ControllerParts } from '../../../controller/Controller.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics as makeTopics } from '../../../shared/messaging/topics.js';
import { noEncryption } from '../../../shared/parameters/encryption.js';
import { loadManifest } from '../../../shared/runtimes/manifest.js';
import { HELLO } from './loadbalancer/installation.js';
import { activationMessage } from './loadbalancer/messages.js';

/** Lets the bus hand on what was sent. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A controller that gives activations up almost at once, and an invoker that takes them and says nothing. */
async function setUp() {
  const messaging = new EmbeddedMessaging();
  const topics = makeTopics();
  const stored: ActivationRecord[] = [];
  const parts = {
    instance: { asString: '0', instanceType: 'controller' },
    config: {
      limits: DEFAULT_LIMITS,
      balancer: {
        ...BALANCER,
        supervision: { ...BALANCER.supervision, trustNew: true },
        completion: { stdTimeoutMs: 5, timeoutFactor: 1, timeoutAddonMs: 0 },
      },
      sharedPackagesExecuteOnly: false,
      readinessFraction: 0,
      userEvents: false,
      build: { number: '0', date: '', version: '1.2.3' },
      operator: operatorPolicy(),
    },
    whisks: { get: () => Promise.resolve(undefined), put: () => Promise.resolve('1-0') },
    activations: { store: (record: ActivationRecord) => Promise.resolve(void stored.push(record)) },
    subjects: {},
    messaging,
    topics,
    runtimes: loadManifest(),
    encryption: noEncryption,
    log: silentLogger,
    registry: new Registry(),
  } as unknown as ControllerParts;
  const controller = await Controller.start(parts);
  await messaging.consume({ topic: topics.invoker(0), group: 'invoker0', maxInFlight: 10, handle: () => {} });
  const bus = await messaging.producer();
  await bus.send(topics.health, { name: invokerInstance(0, 'host0', 1024), isEnabled: true });
  await settle();
  return { controller, messaging, stored };
}

describe('an activation that no invoker acknowledges', () => {
  it('leaves a record, except in a namespace that wants none', async () => {
    const { controller, messaging, stored } = await setUp();
    const { user, ...message } = activationMessage();
    const action = { ...HELLO, timeout: 1 };
    const alive = setTimeout(() => undefined, 10_000);
    const unrecorded = { ...user, limits: { storeActivations: false } };
    const { balancer } = controller.context;
    const none = await balancer.publish(action, { ...message, user: unrecorded, activationId: 'b'.repeat(32) });
    const one = await balancer.publish(action, { ...message, user });
    assert.deepEqual([(await none.result).kind, (await one.result).kind], ['lost', 'lost']);
    clearTimeout(alive);
    assert.deepEqual(
      stored.map(({ activationId }) => activationId),
      [message.activationId],
    );
    await controller.close();
    await messaging.close();
  });
});
