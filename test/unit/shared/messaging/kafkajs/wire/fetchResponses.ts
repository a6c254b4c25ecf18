import { createRequire } from 'node:module';

/* Fetch responses of version 11, made with the encoders of kafkajs and read with its decoder. */

const require = createRequire(import.meta.url);

export interface Encoder {
  readonly buffer: Buffer;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: number | string): Encoder;
  writeString(value: string): Encoder;
}

export interface Batch {
  readonly firstOffset: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp?: number;
  readonly producerId: number;
  readonly compression?: number;
  readonly transactional?: boolean;
  readonly records: readonly Encoder[];
}

export interface Topic {
  readonly topic: string;
  readonly partitions: readonly Partition[];
}

export interface Partition {
  readonly partition?: number;
  readonly errorCode?: number;
  readonly highWatermark?: string;
  /** The number of aborted transactions; -1 for no list of them. */
  readonly aborted?: number;
  /** The number of bytes that the response states; -1 for no records. */
  readonly size?: number;
  readonly messages?: Buffer;
}

interface Message {
  readonly offset: string;
  readonly timestamp: string;
  readonly attributes: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: object;
  readonly isControlRecord: boolean;
}

export interface Response {
  readonly clientSideThrottleTime: number;
  readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly Message[] }[] }[];
}

const KafkaEncoder = require('kafkajs/src/protocol/encoder.js') as new () => Encoder;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch: (fields: Batch & { lastOffsetDelta: number }) => Promise<Encoder>;
};
const messageSet = require('kafkajs/src/protocol/messageSet/index.js') as (fields: {
  messageVersion: number;
  compression: number;
  entries: readonly { key: Buffer | null; value: Buffer; timestamp: number }[];
}) => Encoder;

/** A record of a batch. */
export const record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (fields: {
  key: Buffer | null;
  value: Buffer | null;
  headers?: object;
  offsetDelta?: number;
  timestampDelta?: number;
}) => Encoder;

/** kafkajs's own reader of these responses. */
export const kafkajs = require('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
  decode: (bytes: Buffer) => Promise<Response>;
};

export const BATCH: Batch = {
  firstOffset: 5,
  firstTimestamp: 1000,
  producerId: 1,
  records: [record({ key: null, value: Buffer.from('a') })],
};

/** The places of fields in the bytes of a batch. */
export const PLACES = { length: 8, attributes: 21, count: 57, firstRecord: 61 } as const;

export async function bytesOf(...batches: readonly Batch[]): Promise<Buffer> {
  const encoded = await Promise.all(
    batches.map((batch) => RecordBatch({ ...batch, lastOffsetDelta: batch.records.length - 1 })),
  );
  return Buffer.concat(encoded.map(({ buffer }) => buffer));
}

/** A batch with other attributes than kafkajs can write. */
export async function withAttributes(attributes: number, batch: Batch = BATCH): Promise<Buffer> {
  const bytes = await bytesOf(batch);
  bytes.writeInt16BE(attributes, PLACES.attributes);
  return bytes;
}

/** Messages in the formats before Kafka 0.11. */
export function oldMessages(magic: 0 | 1, ...values: readonly string[]): Buffer {
  const entries = values.map((value) => ({ key: null, value: Buffer.from(value), timestamp: 1000 }));
  return messageSet({ messageVersion: magic, compression: 0, entries }).buffer;
}

/** A response with one topic and one partition. */
export const responseOf = (partition: Partition): Buffer =>
  responseOfTopics([{ topic: 'invoker0', partitions: [partition] }]);

export function responseOfTopics(topics: readonly Topic[]): Buffer {
  const head = new KafkaEncoder().writeInt32(12).writeInt16(0).writeInt32(99).writeInt32(topics.length);
  const parts = [head.buffer];
  for (const { topic, partitions } of topics) {
    parts.push(new KafkaEncoder().writeString(topic).writeInt32(partitions.length).buffer);
    for (const partition of partitions) parts.push(...bytesOfPartition(partition));
  }
  return Buffer.concat(parts);
}

function bytesOfPartition(fields: Partition): Buffer[] {
  const { partition = 0, errorCode = 0, highWatermark = '9007199254740991', aborted = 0 } = fields;
  const { messages = Buffer.alloc(0), size = messages.length } = fields;
  const head = new KafkaEncoder().writeInt32(partition).writeInt16(errorCode);
  head.writeInt64(highWatermark).writeInt64(-1).writeInt64(0).writeInt32(aborted);
  for (let i = 0; i < aborted; i++) head.writeInt64(5).writeInt64(3);
  head.writeInt32(-1).writeInt32(size);
  return [head.buffer, messages];
}

/** The parts of a response that its readers use. */
export function essentials({ clientSideThrottleTime, responses, ...rest }: Response) {
  return {
    ...rest,
    clientSideThrottleTime,
    responses: responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => ({
        ...partition,
        messages: partition.messages.map(({ offset, timestamp, attributes, key, value, headers, isControlRecord }) => {
          return { offset, timestamp, attributes, key, value, headers, isControlRecord };
        }),
      })),
    })),
  };
}
