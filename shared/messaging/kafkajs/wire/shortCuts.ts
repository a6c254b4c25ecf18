import { createRequire } from 'node:module';
import { hasFrame, sendFrames } from './connection.js';
import { fetchBody, type Fetching } from './fetchBody.js';
import { fetchResponse } from './fetchResponse.js';
import { sizeOfHead, writeHead } from './frame.js';
import { produceBody, type Produced } from './produceBody.js';

/**
 * Patches how kafkajs 2.2.4 writes Produce and Fetch requests, and reads Fetch responses. kafkajs makes a buffer for each part of
 * a request and copies it into that of the next larger part, and reads each number of a response as a `BigInt` and a text. The
 * patch does each in one pass, and leaves everything unusual to kafkajs: other versions, transactions, compression and headers.
 */
export function shortenProtocol(): void {
  const require = createRequire(import.meta.url);
  const crc32c: unknown = require('kafkajs/src/protocol/recordBatch/crc32C/index.js');
  if (isChecksum(crc32c)) shortenProduce(require('kafkajs/src/protocol/requests/produce/index.js'), crc32c);
  shortenFetch(require('kafkajs/src/protocol/requests/fetch/index.js'));
  sendFrames();
}

/** The versions that kafkajs agrees on with all brokers since Kafka 2.3. */
const PRODUCE_VERSION = 7;
const FETCH_VERSION = 11;

function shortenProduce(loaded: unknown, crc32c: Checksum): void {
  if (!hasProtocol(loaded) || loaded.protocol.isShort === true) return;
  const { protocol } = loaded;
  const short: Protocol = ({ version }) => {
    const make = protocol({ version });
    if (version !== PRODUCE_VERSION) return make;
    return (fields) => {
      const made = make(fields);
      if (!isOrdinary(fields)) return made;
      const write = (room: number): Buffer => produceBody(fields, Date.now(), crc32c, room);
      return { ...made, request: shortRequest(made.request, write) };
    };
  };
  loaded.protocol = Object.assign(short, { isShort: true });
}

function shortenFetch(loaded: unknown): void {
  if (!hasProtocol(loaded) || loaded.protocol.isShort === true) return;
  const { protocol } = loaded;
  const short: Protocol = ({ version }) => {
    const make = protocol({ version });
    if (version !== FETCH_VERSION) return make;
    return (fields) => {
      const made = make(fields);
      const { response } = made;
      const decode = (bytes: Buffer): unknown => fetchResponse(bytes) ?? response.decode(bytes);
      const request = isOrdinaryFetch(fields)
        ? shortRequest(made.request, (room) => fetchBody(fields, room))
        : made.request;
      return { ...made, request, response: { ...response, decode } };
    };
  };
  loaded.protocol = Object.assign(short, { isShort: true });
}

/** A request that is written at once. @param write makes its body behind some free bytes. */
function shortRequest(made: Exchange['request'], write: (room: number) => Buffer): Exchange['request'] {
  const { apiKey, apiVersion } = made;
  const encode = (): Encoded => {
    const body = write(0);
    return { buf: body, buffer: body };
  };
  return hasFrame({ ...made, encode }, (correlationId, clientId) => {
    const frame = write(sizeOfHead(clientId));
    writeHead(frame, { apiKey, apiVersion, correlationId, clientId });
    return frame;
  });
}

const FETCH_NUMBERS = ['maxWaitTime', 'minBytes', 'maxBytes', 'isolationLevel'];

/** Whether a request has no more fields than `Fetching`: an ordinary consumer's. */
function isOrdinaryFetch(fields: unknown): fields is Fetching {
  if (!isRecord(fields) || !Array.isArray(fields['topics'])) return false;
  const { replicaId, sessionId, sessionEpoch, forgottenTopics, rackId } = fields;
  if ((replicaId ?? sessionId ?? sessionEpoch ?? forgottenTopics) !== undefined || typeof rackId !== 'string')
    return false;
  if (FETCH_NUMBERS.some((name) => typeof fields[name] !== 'number')) return false;
  return fields['topics'].every(({ partitions }: { partitions: unknown[] }) => partitions.every(isOrdinaryPartition));
}

/** An ordinary consumer knows neither the epoch of the leader nor the start of the log. */
function isOrdinaryPartition(partition: unknown): boolean {
  return isRecord(partition) && (partition['currentLeaderEpoch'] ?? partition['logStartOffset']) === undefined;
}

/** Whether our encoder has all that is needed. */
function isOrdinary(fields: unknown): fields is Produced {
  if (!isRecord(fields)) return false;
  const { acks, transactionalId, compression, topicData } = fields;
  // Without `acks` there is no response.
  if (acks === 0 || transactionalId !== undefined || compression !== 0 || !Array.isArray(topicData)) return false;
  return topicData.every(({ partitions }: { partitions: { messages: unknown[] }[] }) =>
    partitions.every(({ messages }) => messages.every(isOrdinaryMessage)),
  );
}

function isOrdinaryMessage(message: unknown): boolean {
  if (!isRecord(message)) return false;
  const { value, headers, timestamp } = message;
  return Buffer.isBuffer(value) && headers === undefined && timestamp === undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

type Checksum = (bytes: Buffer) => number;

const isChecksum = (loaded: unknown): loaded is Checksum => typeof loaded === 'function';

const hasProtocol = (loaded: unknown): loaded is { protocol: Protocol } =>
  isRecord(loaded) && typeof loaded['protocol'] === 'function';

/** The interfaces are those of kafkajs 2.2.4. */
interface Protocol {
  (of: { readonly version: number }): (fields: unknown) => Exchange;
  isShort?: boolean;
}

interface Exchange {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly encode: () => Encoded | Promise<unknown>;
  };
  readonly response: { readonly decode: (bytes: Buffer) => unknown };
}

/** What kafkajs reads of its encoder: the bytes, twice. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}
