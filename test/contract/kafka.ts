import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** What a distributed Apache OpenWhisk wrote to Kafka (`kafka-messages.json`): its topics' settings and messages. */
const recordingSchema = z.object({
  topics: z.record(
    z.string(),
    z.object({
      partitions: z.int(),
      replicationFactor: z.int(),
      configsSetOnTopic: z.record(z.string(), z.string()),
      messages: z.array(z.object({ step: z.string().nullish(), value: z.record(z.string(), z.unknown()) })),
    }),
  ),
  /** By kind of message: by path of a field, its types and `(n)` where only n of the messages have it. */
  fieldsObserved: z.object({
    kinds: z.record(z.string(), z.object({ messages: z.int(), fields: z.record(z.string(), z.string()) })),
  }),
});
export type KafkaRecording = z.infer<typeof recordingSchema>;

export function kafkaRecording(): KafkaRecording {
  // The compiled test runs from dist/, the data stays where it is in the sources.
  for (const place of ['./kafka-messages.json', '../../../test/contract/kafka-messages.json']) {
    try {
      return recordingSchema.parse(JSON.parse(readFileSync(fileURLToPath(new URL(place, import.meta.url)), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('kafka-messages.json is missing');
}
