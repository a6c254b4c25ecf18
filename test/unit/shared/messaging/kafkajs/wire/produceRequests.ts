import { createRequire } from 'node:module';

/* Produce requests of version 7, written by kafkajs. */

const kafkajsRequest = createRequire(import.meta.url)('kafkajs/src/protocol/requests/produce/v7/request.js') as (
  fields: object,
) => { encode: () => Promise<{ buffer: Buffer }> };

/** The time of the messages, in ms since the epoch. */
export const NOW = 1_700_000_000_123;

/** Runs something that reads the clock itself, at `NOW`. */
export async function atNow<T>(run: () => T | Promise<T>): Promise<T> {
  const clock = Date.now;
  Date.now = () => NOW;
  try {
    return await run();
  } finally {
    Date.now = clock;
  }
}

/** The bytes that kafkajs makes. */
export const bytesOfKafkajs = (fields: object): Promise<Buffer> =>
  atNow(async () => (await kafkajsRequest(fields).encode()).buffer);
