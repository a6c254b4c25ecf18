/** The fields of a Fetch request, with the names and types of kafkajs. */
export interface Fetching {
  readonly maxWaitTime: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolationLevel: number;
  readonly topics: readonly FetchingTopic[];
  readonly rackId: string;
}

interface FetchingTopic {
  readonly topic: string;
  readonly partitions: readonly FetchingPartition[];
}

interface FetchingPartition {
  readonly partition: number;
  /** A 64-bit integer. */
  readonly fetchOffset: string | number;
  readonly maxBytes: number;
}

/** A consumer is not a replica, names no session, and does not know the epoch of the leader, nor the start of the log. */
const UNKNOWN = -1;
const NO_SESSION = 0;

/**
 * The body of a Fetch request of version 11 (https://kafka.apache.org/protocol#The_Messages_Fetch): the same bytes as kafkajs
 * makes, but in one buffer.
 *
 * @param room the bytes that stay free before the body.
 */
export function fetchBody(fetching: Fetching, room = 0): Buffer {
  const { maxWaitTime, minBytes, maxBytes, isolationLevel, topics, rackId } = fetching;
  const body = Buffer.allocUnsafe(room + sizeOfBody(fetching));
  let at = body.writeInt32BE(UNKNOWN, room);
  at = body.writeInt32BE(maxWaitTime, at);
  at = body.writeInt32BE(minBytes, at);
  at = body.writeInt32BE(maxBytes, at);
  at = body.writeInt8(isolationLevel, at);
  at = body.writeInt32BE(NO_SESSION, at);
  at = body.writeInt32BE(UNKNOWN, at);
  at = body.writeInt32BE(topics.length, at);
  for (const { topic, partitions } of topics) {
    at = writeText(body, topic, at);
    at = body.writeInt32BE(partitions.length, at);
    for (const one of partitions) {
      at = body.writeInt32BE(one.partition, at);
      at = body.writeInt32BE(UNKNOWN, at);
      at = body.writeBigInt64BE(BigInt(one.fetchOffset), at);
      at = body.writeBigInt64BE(-1n, at);
      at = body.writeInt32BE(one.maxBytes, at);
    }
  }
  at = body.writeInt32BE(0, at); // No topic leaves the session.
  writeText(body, rackId, at);
  return body;
}

function writeText(body: Buffer, text: string, start: number): number {
  const at = body.writeInt16BE(Buffer.byteLength(text), start);
  return at + body.write(text, at);
}

function sizeOfBody({ topics, rackId }: Fetching): number {
  let size = 4 + 4 + 4 + 4 + 1 + 4 + 4 + 4 + 4 + 2 + Buffer.byteLength(rackId);
  for (const { topic, partitions } of topics) {
    size += 2 + Buffer.byteLength(topic) + 4 + partitions.length * (4 + 4 + 8 + 8 + 4);
  }
  return size;
}
