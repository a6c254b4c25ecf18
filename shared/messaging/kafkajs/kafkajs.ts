import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { KafkaLibrary } from '../kafka/library.js';
import { DEFAULT_FETCH_WAIT_MS, REQUEST_TIMEOUT_MS, type KafkaOptions } from '../kafka/options.js';
import { kafkajsAdmin } from './admin.js';
import { keepLastBroker, throwRefusals } from './brokerPool.js';
import { classify } from './errors.js';
import { connectAfresh } from './freshConnections.js';
import { KafkajsFetcher } from './KafkajsFetcher.js';
import { knowVersions } from './readyBrokers.js';
import { calmRequestQueue } from './requestQueue.js';
import { promptSockets } from './sockets.js';
import { shortenProtocol } from './wire/shortCuts.js';
import { kafkajsTransport } from './transport.js';

calmRequestQueue();
connectAfresh();
keepLastBroker();
throwRefusals();
knowVersions();
shortenProtocol();

/** The client library kafkajs. */
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
 * The number of a consumer's retries before it gives up, about two minutes. A consumer that survives a broker's restart
 * keeps its membership; a new one must wait for the end of the former session.
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
    // Log errors of kafkajs as debug lines: most of them are attempts that it repeats. The bus logs those that matter.
    logLevel: log.debugEnabled ? logLevel.INFO : logLevel.NOTHING,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = entry.log;
      log.debug(`kafkajs: ${message}`, fields);
    },
  };
}
