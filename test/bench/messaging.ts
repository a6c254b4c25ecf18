/*
 * What a message costs on each bus: from `send` to the handler, one at a time and many at once, the processor time that
 * goes into it, and what an idle connection takes.
 *
 *   npx tsx test/bench/messaging.ts [--brokers 1|3] [embedded|kafkajs|kafkajs-acks1|platformatic ...]
 *
 * `KAFKA_HOSTS` names a broker; without it one is started for the purpose, or three that keep each topic together.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Messaging, Topic } from '../../shared/messaging/Messaging.js';
import { openKafka } from '../../shared/messaging/clients/openKafka.js';
import { LIKE_IN_PRODUCTION } from '../integration/kafka/broker.js';
import { startBrokers } from '../integration/kafka/brokers.js';
import { startKafka } from '../integration/kafka/kafka.js';
import { benchOptions } from './commandLine.js';

const COLUMNS = [
  'one at a time: p50 ms',
  'p99 ms',
  '8 at once: 1/s',
  'CPU µs each',
  '64 at once: 1/s',
  'CPU µs',
  'idle CPU %',
] as const;
type Figures = Record<(typeof COLUMNS)[number], number>;

interface Sample {
  n: number;
  text: string;
}

const USAGE = `Usage: npx tsx test/bench/messaging.ts [options] [BUS...]

Measures the latency, the rate and the processor time of messages on each bus: embedded, kafkajs, kafkajs-acks1 and
platformatic (default: all). Uses the broker of KAFKA_HOSTS, or starts one.

  --brokers 1|3  the number of brokers to start (default: 1)
  --help         print this text
`;

const { values, positionals } = benchOptions(USAGE, {
  allowPositionals: true,
  options: { brokers: { type: 'string', default: '1' } },
});
if (!['1', '3'].includes(values.brokers)) {
  console.error('--brokers takes 1 or 3');
  process.exit(2);
}
const replicationFactor = Number(values.brokers);

const buses: Record<string, (brokers: string[]) => Messaging | Promise<Messaging>> = {
  embedded: () => new EmbeddedMessaging(),
  kafkajs: (brokers) => openKafka('kafkajs', { brokers, clientId: 'bench', replicationFactor }),
  'kafkajs-acks1': (brokers) => openKafka('kafkajs', { brokers, clientId: 'bench', acks: '1', replicationFactor }),
  platformatic: (brokers) => openKafka('platformatic', { brokers, clientId: 'bench', replicationFactor }),
};
const chosen = positionals.length > 0 ? positionals : Object.keys(buses);
const text = 'x'.repeat(1000);

const ROUNDS = 3;

const TOPICS = `bench-${process.pid}-${Date.now()}-`;
const start = () => (replicationFactor > 1 ? startBrokers(replicationFactor) : startKafka(TOPICS, LIKE_IN_PRODUCTION));
const kafka = chosen.some((name) => name !== 'embedded') ? await start() : undefined;
const brokers = kafka?.hosts.split(',') ?? [];
try {
  const results = new Map<string, Figures[]>(chosen.map((name) => [name, []]));
  // In turns, so that what else the machine does falls on all alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, figures] of results) {
      const messaging = await buses[name]?.(brokers);
      if (!messaging) throw new Error(`there is no bus ${name}: choose of ${Object.keys(buses).join(', ')}`);
      figures.push(await measure(name, messaging));
      await messaging.close();
    }
  }
  console.table(
    Object.fromEntries(
      [...results].map(([name, figures]) => [
        name,
        Object.fromEntries(COLUMNS.map((column) => [column, middle(figures.map((f) => f[column]))])),
      ]),
    ),
  );
} finally {
  await kafka?.close();
}

async function measure(name: string, messaging: Messaging): Promise<Figures> {
  const topic: Topic<Sample> = {
    name: `${TOPICS}${name}-${Date.now()}`,
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
  for (let i = 0; i < 1000; i++) await pass();
  const times: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const began = performance.now();
    await pass();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (quantile: number): number => times[Math.floor(times.length * quantile)] ?? 0;
  const eight = await load(pass, 8);
  const sixtyFour = await load(pass, 64);
  await sleep(300);
  const cpu = process.cpuUsage();
  await sleep(2000);
  const { user, system } = process.cpuUsage(cpu);
  return {
    'one at a time: p50 ms': at(0.5),
    'p99 ms': at(0.99),
    '8 at once: 1/s': eight.rate,
    'CPU µs each': eight.cpu,
    '64 at once: 1/s': sixtyFour.rate,
    'CPU µs': sixtyFour.cpu,
    'idle CPU %': (user + system) / 20_000,
  };
}

async function load(pass: () => Promise<void>, width: number): Promise<{ rate: number; cpu: number }> {
  const count = 8000;
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
  return { rate: count / seconds, cpu: (user + system) / count };
}

function middle(values: number[]): number {
  const value = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
