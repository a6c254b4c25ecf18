import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Kafka, logLevel, type ISocketFactory, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { KafkaLibrary } from '../kafka/library.js';
import { DEFAULT_FETCH_WAIT_MS, REQUEST_TIMEOUT_MS, type KafkaOptions } from '../kafka/options.js';
import { kafkajsAdmin } from './admin.js';
import { classify } from './errors.js';
import { KafkajsFetcher } from './KafkajsFetcher.js';
import { calmRequestQueue } from './requestQueue.js';
import { kafkajsTransport } from './transport.js';

calmRequestQueue();

/** Kafka through kafkajs. */
export function kafkajsLibrary(options: KafkaOptions): KafkaLibrary {
  const log = options.log ?? silentLogger;
  const short = new Kafka(clientConfig(options, log, 3));
  const long = new Kafka(clientConfig(options, log, CONSUMER_RETRIES));
  return {
    admin: () => kafkajsAdmin(short),
    transport: () => kafkajsTransport(short, options.acks ?? 'all'),
    fetcher: (subscription, sink) => new KafkajsFetcher(long, options, subscription, sink),
    classify,
  };
}

/**
 * How often a consumer looks for its brokers before it gives up and begins anew, some two minutes. A consumer that
 * outlasts a broker's restart is still the member that it was; one that begins anew has to wait for the end of its own
 * former session.
 */
const CONSUMER_RETRIES = 240;

function clientConfig(options: KafkaOptions, log: Logger, retries: number): KafkaConfig {
  return {
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(options.tls ? { ssl: options.tls } : {}),
    ...(options.sasl ? { sasl: options.sasl as SASLOptions } : {}),
    connectionTimeout: 5000,
    authenticationTimeout: 10_000,
    requestTimeout: REQUEST_TIMEOUT_MS + (options.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS),
    retry: { initialRetryTime: 50, maxRetryTime: 500, multiplier: 2, retries },
    socketFactory: promptSockets,
    // What kafkajs calls an error is, most of the time, an attempt that it repeats: we say ourselves what matters.
    logLevel: log.debugEnabled ? logLevel.INFO : logLevel.NOTHING,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = entry.log;
      log.debug(`kafkajs: ${message}`, fields);
    },
  };
}

/** Sockets that send each request at once: kafkajs leaves Nagle's algorithm on. */
const promptSockets: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
};
