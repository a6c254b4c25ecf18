import type { KafkaClientName } from '../../shared/messaging/clients/names.js';
import { openKafka } from '../../shared/messaging/clients/openKafka.js';
import type { Topic } from '../../shared/messaging/Messaging.js';

/** The characters of a message: about those of an activation message, and of its acknowledgement. */
const TEXT = 'x'.repeat(1000);
/** The longest wait for the way there and back, in ms. */
const LOST_MS = 30_000;

interface Sample {
  readonly n: number;
  readonly text: string;
}

/** The way from one client of Kafka to another and back, without any work on either side. */
export interface Hops {
  /** Sends a message there, and one of the same size back. Resolves when it has arrived. */
  readonly pass: () => Promise<void>;
  close(): Promise<void>;
}

/** Connects two clients, as a controller and an invoker are, with the same library and its default settings. */
export async function startHops(hosts: string, prefix: string, library: KafkaClientName): Promise<Hops> {
  const open = (clientId: string) => openKafka(library, { brokers: hosts.split(','), clientId });
  const topic = (name: string): Topic<Sample> => ({
    name: `${prefix}hops-${name}`,
    encode: (message) => JSON.stringify(message),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this file sends on these topics
    decode: (json) => JSON.parse(json) as Sample,
    settings: {},
  });
  const [there, back] = [topic('there'), topic('back')];
  const [near, far] = await Promise.all([open('hops-near'), open('hops-far')]);
  const close = async (): Promise<void> => {
    await Promise.all([near.close(), far.close()]);
  };
  try {
    await near.ensureTopic(there);
    await near.ensureTopic(back);
    const [sender, answerer] = await Promise.all([near.producer(), far.producer()]);
    const arrivals = new Map<number, () => void>();
    await far.consume({
      topic: there,
      group: there.name,
      maxInFlight: 100,
      handle: (message) => answerer.send(back, message),
    });
    await near.consume({ topic: back, group: back.name, maxInFlight: 100, handle: ({ n }) => arrivals.get(n)?.() });
    let last = 0;
    return {
      pass: async () => {
        const n = ++last;
        let late: NodeJS.Timeout | undefined;
        const arrived = new Promise<void>((resolve, reject) => {
          arrivals.set(n, resolve);
          late = setTimeout(() => reject(new Error(`no message came back within ${LOST_MS} ms`)), LOST_MS);
        });
        try {
          await Promise.all([sender.send(there, { n, text: TEXT }), arrived]);
        } finally {
          clearTimeout(late);
          arrivals.delete(n);
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
