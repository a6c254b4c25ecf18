/*
 * What a message costs on each bus: from `send` to the handler, one at a time and many at once, the processor time that
 * goes into it, and what an idle connection takes.
 *
 *   npx tsx test/bench/messaging.ts [embedded|kafkajs|platformatic ...]
 *
 * `KAFKA_HOSTS` names brokers; without it one is started for the purpose.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import { KafkaMessaging } from '../../shared/messaging/kafka/KafkaMessaging.js';
import type { Messaging, Topic } from '../../shared/messaging/Messaging.js';
import { PlatformaticMessaging } from '../../shared/messaging/platformatic/PlatformaticMessaging.js';
import { startBroker } from '../integration/kafka/broker.js';

interface Sample {
  n: number;
  text: string;
}

const buses: Record<string, (brokers: string[]) => Messaging | Promise<Messaging>> = {
  embedded: () => new EmbeddedMessaging(),
  kafkajs: (brokers) => new KafkaMessaging({ brokers, clientId: 'bench' }),
  platformatic: (brokers) => PlatformaticMessaging.create({ brokers, clientId: 'bench' }),
};
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(buses);
const text = 'x'.repeat(1000);

const given = process.env['KAFKA_HOSTS'];
const broker = given === undefined && chosen.some((name) => name !== 'embedded') ? await startBroker() : undefined;
const brokers = (given ?? broker?.hosts ?? '').split(',');
try {
  console.log('bus        one at a time, ms (p50 p99)   at once: 8, 64 (messages/s, CPU µs each)      idle CPU');
  for (const name of chosen) {
    const messaging = await buses[name]?.(brokers);
    if (!messaging) throw new Error(`there is no bus ${name}: choose of ${Object.keys(buses).join(', ')}`);
    console.log(await measure(name, messaging));
    await messaging.close();
  }
} finally {
  await broker?.close();
}

async function measure(name: string, messaging: Messaging): Promise<string> {
  const topic: Topic<Sample> = {
    name: `bench-${name}-${Date.now()}`,
    encode: (message) => JSON.stringify(message),
    decode: (json) => JSON.parse(json) as Sample,
    settings: {},
  };
  await messaging.ensureTopic(topic);
  const arrivals = new Map<number, () => void>();
  await messaging.consume<Sample>({
    topic,
    group: topic.name,
    maxInFlight: 1000,
    handle: ({ n }) => arrivals.get(n)?.(),
  });
  const producer = await messaging.producer();
  let serial = 0;
  /** Sends one and waits until it arrives, as an invocation does. */
  const pass = async (): Promise<void> => {
    const n = serial++;
    const arrived = new Promise<void>((resolve) => arrivals.set(n, resolve));
    await Promise.all([producer.send(topic, { n, text }), arrived]);
    arrivals.delete(n);
  };
  for (let i = 0; i < 2000; i++) await pass();
  const times: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const began = performance.now();
    await pass();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (quantile: number): string => (times[Math.floor(times.length * quantile)] ?? 0).toFixed(2);
  const loads: string[] = [];
  for (const width of [8, 64]) {
    const count = 10_000;
    const cpu = process.cpuUsage();
    const began = performance.now();
    let left = count;
    await Promise.all(
      Array.from({ length: width }, async () => {
        while (left-- > 0) await pass();
      }),
    );
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - began) / 1000;
    loads.push(`${Math.round(count / seconds)}/s ${Math.round((user + system) / count)} µs`);
  }
  await sleep(500);
  const cpu = process.cpuUsage();
  await sleep(3000);
  const { user, system } = process.cpuUsage(cpu);
  const idle = `${(((user + system) / 3_000_000) * 100).toFixed(2)} %`;
  return `${name.padEnd(13)} ${at(0.5)}  ${at(0.99)}            ${loads.join('   ')}         ${idle}`;
}
