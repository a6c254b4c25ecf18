import { isIP } from 'node:net';
import type { BaseOptions } from '@platformatic/kafka';
import type { KafkaLibrary } from '../kafka/library.js';
import { REQUEST_TIMEOUT_MS, type KafkaOptions } from '../kafka/options.js';
import { platformaticAdmin } from './admin.js';
import { classify } from './errors.js';
import { PlatformaticFetcher } from './PlatformaticFetcher.js';
import { platformaticTransport } from './transport.js';

/**
 * The client library `@platformatic/kafka`, an optional package.
 * @throws Error if the package is not installed or does not support this version of Node.
 */
export async function platformaticLibrary(options: KafkaOptions): Promise<KafkaLibrary> {
  const library = await import('@platformatic/kafka').catch((error: unknown) => {
    throw new Error('the package @platformatic/kafka is not installed or does not support this version of Node', {
      cause: error,
    });
  });
  const base = clientOptions(options);
  return {
    admin: () => Promise.resolve(platformaticAdmin(library, base)),
    transport: () => platformaticTransport(library, base, options.acks ?? 'all'),
    fetcher: (subscription, sink) => new PlatformaticFetcher(library, base, options, subscription, sink),
    classify,
  };
}

const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

function clientOptions({ brokers, clientId, tls, sasl }: KafkaOptions): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    retries: 1,
    retryDelay: 100,
    timeout: REQUEST_TIMEOUT_MS,
    metadataMaxAge: 60_000,
    // An IP address is not a server name.
    ...(tls ? { tls, tlsServerName: !brokers.some((broker) => isIP(broker.replace(/:\d+$/, ''))) } : {}),
    ...(sasl
      ? {
          sasl: {
            mechanism: MECHANISMS[sasl.mechanism],
            username: sasl.username,
            password: sasl.password,
          },
        }
      : {}),
  };
}
