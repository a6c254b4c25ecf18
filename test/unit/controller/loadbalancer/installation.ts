import { Registry } from 'prom-client';
import type { ColorRequest, SchedulableAction } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { BalancerMetrics } from '../../../../controller/loadbalancer/BalancerMetrics.js';
import { BALANCER, ShardingBalancer } from '../../../../controller/loadbalancer/ShardingBalancer.js';
import { POLICY_OPTIONS, type PolicyName } from '../../../../shared/colors/ColorPolicy.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { combinedMessage } from '../../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics as makeTopics } from '../../../../shared/messaging/topics.js';
import { activationMessage, activationRecord } from './messages.js';

export const HELLO: SchedulableAction = {
  name: { path: 'guest', name: 'hello', version: '0.0.1' },
  memory: 256,
  concurrency: 1,
  timeout: 60_000,
  kind: 'nodejs:20',
  logs: 10,
  blackbox: false,
};

/** Lets the bus hand on what was sent, and what is sent because of that. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface InstallationOptions {
  readonly invokers: number;
  /** MB of each. */
  readonly memory?: number;
  readonly policy?: PolicyName;
  /** Of colored invocations, in ms; missing: 0. */
  readonly patienceMs?: number;
  /** Invokers keep what they get until `finish`. */
  readonly hold?: boolean;
  /** See `SupervisionOptions`; missing: true. */
  readonly trustNew?: boolean;
  /** The controllers' address for invokers that share objects. */
  readonly objectsUrl?: string;
}

/** Balancers as they are, on an embedded bus, and invokers that note what they get and acknowledge it. */
export async function installation(options: InstallationOptions) {
  const { memory = 1024 * 64, policy = 'consistent-hashing' } = options;
  const messaging = new EmbeddedMessaging();
  const topics = makeTopics();
  const bus = await messaging.producer();
  const arrivals: { invoker: number; message: ActivationMessage }[] = [];
  const instances = Array.from({ length: options.invokers }, (_, i) => invokerInstance(i, `host${i}`, memory));

  const finish = async ({ invoker, message }: (typeof arrivals)[number]): Promise<void> => {
    const instance = instances[invoker];
    if (!instance) throw new Error(`no invoker ${invoker}`);
    const ack = combinedMessage(message.transid, activationRecord(message.activationId), instance);
    await bus.send(topics.completed(message.rootControllerIndex.asString), ack);
  };
  for (const { instance: invoker } of instances) {
    await messaging.consume({
      topic: topics.invoker(invoker),
      group: `invoker${invoker}`,
      maxInFlight: 100_000,
      handle: async (message) => {
        const arrival = { invoker, message };
        arrivals.push(arrival);
        if (options.hold !== true) await finish(arrival);
      },
    });
  }
  /** @param host the start of the URL of its objects; missing: it shares none. */
  const ping = async (invoker: number, isEnabled = true, host?: string): Promise<void> => {
    const name = instances[invoker];
    const objects = host === undefined ? {} : { objects: `${host}${invoker}:1` };
    if (name) await bus.send(topics.health, { name, isEnabled, ...objects });
  };
  const pingAll = async (host?: string): Promise<void> => {
    for (const { instance } of instances) await ping(instance, true, host);
    await settle();
  };
  const start = async (id: string, now?: () => number): Promise<ShardingBalancer> => {
    const balancer = await ShardingBalancer.start({
      messaging,
      topics,
      logger: silentLogger,
      metrics: new BalancerMetrics(new Registry()),
      controller: { asString: id, instanceType: 'controller' },
      options: {
        ...BALANCER,
        objectsUrl: options.objectsUrl,
        supervision: { ...BALANCER.supervision, trustNew: options.trustNew ?? true },
        colors: { ...BALANCER.colors, policy, parameters: POLICY_OPTIONS, patienceMs: options.patienceMs ?? 0 },
      },
      onLost: () => undefined,
      now,
    });
    await settle();
    return balancer;
  };
  /** Sends an invocation through a balancer. @returns its message, which says the color and whether it met its home. */
  const invoke = async (
    balancer: ShardingBalancer,
    id: string,
    color?: ColorRequest,
    fields: Partial<ActivationMessage> = {},
    action = HELLO,
  ): Promise<{ invoker: number; message: ActivationMessage }> => {
    const message = activationMessage({
      rootControllerIndex: { asString: id, instanceType: 'controller' },
      blocking: false,
      ...fields,
    });
    const { invoker } = await balancer.publish(action, message, color);
    return { invoker: invoker.instance, message };
  };
  return { messaging, arrivals, start, ping, pingAll, invoke, finish };
}
