/** A message without headers and without a time of its own. */
export interface ProducedMessage {
  readonly key?: string | Buffer | null | undefined;
  readonly value: Buffer;
}

export interface ProducedPartition {
  readonly partition: number;
  readonly firstSequence: number;
  readonly messages: readonly ProducedMessage[];
}

export interface ProducedTopic {
  readonly topic: string;
  readonly partitions: readonly ProducedPartition[];
}

/** The fields of a Produce request. */
export interface Produced {
  readonly acks: number;
  /** In ms. */
  readonly timeout: number;
  /** A 64-bit integer. */
  readonly producerId: string | number;
  readonly producerEpoch: number;
  readonly topicData: readonly ProducedTopic[];
}

/**
 * The body of a Produce request of the versions 3 to 7 (https://kafka.apache.org/protocol#The_Messages_Produce), outside of
 * transactions and without compression: the same bytes as kafkajs makes, but in one buffer.
 *
 * @param now the time of the messages, in ms since the epoch.
 * @param crc32c the checksum of a buffer.
 * @param room the bytes that stay free before the body.
 */
export function produceBody(produced: Produced, now: number, crc32c: (bytes: Buffer) => number, room = 0): Buffer {
  const { acks, timeout, topicData } = produced;
  const body = Buffer.allocUnsafe(room + sizeOfBody(topicData));
  // No transactional id.
  let at = body.writeInt16BE(-1, room);
  at = body.writeInt16BE(acks, at);
  at = body.writeInt32BE(timeout, at);
  at = body.writeInt32BE(topicData.length, at);
  for (const { topic, partitions } of topicData) {
    at = body.writeInt16BE(Buffer.byteLength(topic), at);
    at += body.write(topic, at);
    at = body.writeInt32BE(partitions.length, at);
    for (const one of partitions) {
      at = body.writeInt32BE(one.partition, at);
      const start = at + 4;
      const end = writeBatch(body, start, one, produced, now, crc32c);
      body.writeInt32BE(end - start, at);
      at = end;
    }
  }
  return body;
}

/** The bytes of a batch before its first record, and those of it before the checksummed ones. */
const BATCH_BYTES = 61;
const UNCHECKED_BYTES = 21;
/** The bytes of a batch that its length does not count. */
const UNCOUNTED_BYTES = 12;
const MAGIC = 2;

function writeBatch(
  body: Buffer,
  start: number,
  { firstSequence, messages }: ProducedPartition,
  { producerId, producerEpoch }: Produced,
  now: number,
  crc32c: (bytes: Buffer) => number,
): number {
  let at = start + UNCHECKED_BYTES;
  at = body.writeInt16BE(0, at); // The attributes.
  at = body.writeInt32BE(messages.length - 1, at); // The offset of the last record, from that of the first.
  at = body.writeBigInt64BE(BigInt(now), at);
  at = body.writeBigInt64BE(BigInt(now), at);
  at = body.writeBigInt64BE(BigInt(producerId), at);
  at = body.writeInt16BE(producerEpoch, at);
  at = body.writeInt32BE(firstSequence, at);
  at = body.writeInt32BE(messages.length, at);
  messages.forEach((message, index) => (at = writeRecord(body, at, message, index)));
  let head = body.writeBigInt64BE(0n, start); // The broker gives the first offset.
  head = body.writeInt32BE(at - start - UNCOUNTED_BYTES, head);
  head = body.writeInt32BE(0, head); // The epoch of the leader.
  head = body.writeInt8(MAGIC, head);
  body.writeUInt32BE(crc32c(body.subarray(start + UNCHECKED_BYTES, at)), head);
  return at;
}

function writeRecord(body: Buffer, start: number, { key, value }: ProducedMessage, index: number): number {
  let at = writeVarInt(body, start, sizeOfRecord(key, value, index));
  body[at++] = 0; // The attributes.
  body[at++] = 0; // The time, from that of the batch.
  at = writeVarInt(body, at, index);
  if (key === null || key === undefined) at = writeVarInt(body, at, -1);
  else {
    at = writeVarInt(body, at, Buffer.byteLength(key));
    at += typeof key === 'string' ? body.write(key, at) : key.copy(body, at);
  }
  at = writeVarInt(body, at, value.length);
  at += value.copy(body, at);
  body[at++] = 0; // No headers.
  return at;
}

function sizeOfBody(topicData: readonly ProducedTopic[]): number {
  let size = 2 + 2 + 4 + 4;
  for (const { topic, partitions } of topicData) {
    size += 2 + Buffer.byteLength(topic) + 4;
    for (const { messages } of partitions) {
      size += 4 + 4 + BATCH_BYTES;
      messages.forEach(({ key, value }, index) => {
        const record = sizeOfRecord(key, value, index);
        size += sizeOfVarInt(record) + record;
      });
    }
  }
  return size;
}

/** The bytes of a record after its length. */
function sizeOfRecord(key: ProducedMessage['key'], value: Buffer, index: number): number {
  const keyBytes = key === null || key === undefined ? -1 : Buffer.byteLength(key);
  // Attributes, time, and number of headers take a byte each.
  return (
    3 + sizeOfVarInt(index) + sizeOfVarInt(keyBytes) + Math.max(0, keyBytes) + sizeOfVarInt(value.length) + value.length
  );
}

/** The zigzag form: small negative numbers are small, too. */
const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

function sizeOfVarInt(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  for (; rest > 127; rest >>>= 7) bytes++;
  return bytes;
}

function writeVarInt(body: Buffer, start: number, value: number): number {
  let rest = zigzag(value);
  let at = start;
  for (; rest > 127; rest >>>= 7) body[at++] = (rest & 127) | 128;
  body[at++] = rest;
  return at;
}
