import { BusHealth } from '../../../../../shared/messaging/kafka/BusHealth.js';
import type { ConsumerTimes } from '../../../../../shared/messaging/kafka/consumerTimes.js';
import { GroupConsumer } from '../../../../../shared/messaging/kafka/GroupConsumer.js';
import { classify, FakeKafka } from './FakeKafka.js';
import { recordingLogger } from './recordingLogger.js';

/** Short pauses; what takes seconds is decided by the clock of the test. */
export const TIMES: Partial<ConsumerTimes> = {
  commitMs: 1,
  watchMs: 1,
  joinMs: [1, 1],
  refusedMs: 1,
  unreadableMs: [1, 1],
  leaveMs: 1,
  lastMs: 1000,
};

export function setup({
  maxInFlight = 10,
  handle,
  from = 'earliest',
  times = TIMES,
}: {
  maxInFlight?: number;
  handle?: (text: string) => Promise<void> | void;
  from?: 'earliest' | 'latest';
  times?: Partial<ConsumerTimes>;
} = {}) {
  const kafka = new FakeKafka();
  const { log, lines } = recordingLogger();
  const clock = { now: 1_000_000 };
  const now = (): number => clock.now;
  const got: string[] = [];
  const topic = { name: 't', encode: String, decode: String, settings: {} };
  const health = new BusHealth(log, 'fake', now);
  const consumer = new GroupConsumer<string>({
    options: {
      topic,
      group: 'g',
      from,
      maxInFlight,
      handle: (text) => {
        got.push(text);
        return handle?.(text);
      },
    },
    fetcher: (sink) => kafka.fetcher({ topic: 't', group: 'g', member: 'm', from }, sink),
    places: () => {
      kafka.fault('places');
      return Promise.resolve(kafka.places('t', 'g'));
    },
    classify,
    health,
    log,
    brokers: 'h:9092',
    times,
    now,
  });
  return { kafka, lines, clock, got, health, consumer };
}

/** Lets each commit fail so. */
export const failingCommits = (error: Error) => (): never => {
  throw error;
};
