/** A message of a Fetch response, with the names and types of kafkajs. */
export interface FetchedMessage {
  readonly attributes: number;
  /** In ms since the epoch. */
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, never>>;
  readonly isControlRecord: false;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly lastStartOffset: string;
  readonly abortedTransactions: readonly never[];
  readonly preferredReadReplica: number;
  readonly messages: readonly FetchedMessage[];
}

export interface FetchResponse {
  readonly throttleTime: 0;
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[];
}

/**
 * Reads a Fetch response of version 11 (https://kafka.apache.org/protocol#The_Messages_Fetch). Undefined for parts that our
 * own messages do not have: compression, transactions, headers, times of the broker, and formats before Kafka 0.11.
 *
 * @throws RangeError for a response that ends too early, or with an impossible length.
 */
export function fetchResponse(bytes: Buffer): FetchResponse | undefined {
  try {
    return readResponse(new Reader(bytes));
  } catch (error) {
    if (error === UNUSUAL) return undefined;
    throw error;
  }
}

const UNUSUAL = new Error('a part that our own messages do not have');

function readResponse(reader: Reader): FetchResponse {
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  const sessionId = reader.int32();
  const responses = reader.array(() => ({
    topicName: reader.text(),
    partitions: reader.array(() => partition(reader)),
  }));
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

function partition(reader: Reader): FetchedPartition {
  const number = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = String(reader.int64());
  const lastStableOffset = String(reader.int64());
  const lastStartOffset = String(reader.int64());
  if (reader.int32() > 0) throw UNUSUAL; // Aborted transactions.
  const preferredReadReplica = reader.int32();
  const size = reader.int32();
  const messages: FetchedMessage[] = [];
  if (size > 0) {
    const end = reader.at + size;
    // The older formats have shorter heads: their messages may have fewer bytes than the head of a batch.
    if (size > MAGIC_AT && reader.int8At(reader.at + MAGIC_AT) !== MAGIC) throw UNUSUAL;
    let complete = true;
    while (complete && end - reader.at >= BATCH_HEAD_BYTES) complete = readBatchAfter(messages, reader, end);
    reader.at = end;
  }
  return {
    partition: number,
    errorCode,
    highWatermark,
    lastStableOffset,
    lastStartOffset,
    abortedTransactions: [],
    preferredReadReplica,
    messages,
  };
}

/** The bytes of a batch before its records. */
const BATCH_HEAD_BYTES = 61;
/** The bytes of a batch that its length does not count. */
const UNCOUNTED_BYTES = 12;
/** The place of the format's number, in every format. */
const MAGIC_AT = 16;
const MAGIC = 2;
/** Everything but the time that the sender gave. */
const UNUSUAL_ATTRIBUTES = 0x3f;

/**
 * Reads one batch. A damaged one behind others counts as incomplete: the next response begins with it, so that intact messages
 * are read before, and the error names the right offset.
 */
function readBatchAfter(messages: FetchedMessage[], reader: Reader, end: number): boolean {
  const { length } = messages;
  try {
    return readBatch(reader, end, messages);
  } catch (error) {
    if (length === 0 || !(error instanceof RangeError)) throw error;
    messages.length = length;
    return false;
  }
}

/** Reads one batch. False if it is incomplete: the broker cuts off the last one at the size of the response. */
function readBatch(reader: Reader, end: number, messages: FetchedMessage[]): boolean {
  const firstOffset = reader.int64();
  const length = reader.int32();
  const batchEnd = reader.at + length;
  if (batchEnd > end) return false;
  reader.skip(4); // The epoch of the leader.
  if (reader.int8() !== MAGIC) throw UNUSUAL;
  if (length < BATCH_HEAD_BYTES - UNCOUNTED_BYTES) throw new RangeError(`a batch of ${length} bytes`);
  reader.skip(4); // The checksum, which kafkajs does not check either: TCP has one.
  if ((reader.int16() & UNUSUAL_ATTRIBUTES) !== 0) throw UNUSUAL;
  reader.skip(4); // The last offset.
  const firstTimestamp = reader.int64();
  reader.skip(8 + 8 + 2 + 4); // The last time, and the producer's id, epoch and sequence number.
  for (let count = reader.int32(); count > 0; count--) {
    const recordLength = reader.varInt();
    const recordEnd = reader.at + recordLength;
    // Otherwise the reader would go back, and read the same record again and again.
    if (recordLength < 0 || recordEnd > batchEnd) throw new RangeError(`a record of ${recordLength} bytes`);
    const attributes = reader.int8();
    const timestamp = String(firstTimestamp + reader.varInt());
    const offset = String(firstOffset + reader.varInt());
    const key = reader.varBytes();
    const value = reader.varBytes();
    if (reader.varInt() > 0) throw UNUSUAL; // Headers.
    messages.push({ attributes, timestamp, offset, key, value, headers: {}, isControlRecord: false });
    reader.at = recordEnd;
  }
  reader.at = batchEnd;
  return true;
}

/** Reads the values of a message of Kafka's protocol, one after the other. Each method throws a RangeError at the end. */
class Reader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  int8(): number {
    const value = this.#bytes.readInt8(this.at);
    this.at += 1;
    return value;
  }

  /** Reads ahead: the next value stays the same. */
  int8At(at: number): number {
    return this.#bytes.readInt8(at);
  }

  int16(): number {
    const value = this.#bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    const value = this.#bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  /** Exact up to 2^53, which is more than offsets and times reach. */
  int64(): number {
    const high = this.int32();
    return high * 2 ** 32 + (this.int32() >>> 0);
  }

  text(): string {
    const length = this.int16();
    if (length < 0) throw new RangeError(`a text of ${length} bytes`);
    const start = this.at;
    this.at += length;
    return this.#bytes.toString('utf8', start, this.at);
  }

  array<T>(read: () => T): T[] {
    const length = Math.max(0, this.int32());
    return Array.from({ length }, read);
  }

  /** An integer of variable length, exact up to 2^53. */
  varInt(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  varBytes(): Buffer | null {
    const length = this.varInt();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.#bytes.subarray(start, this.at);
  }
}
