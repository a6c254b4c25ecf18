import type * as library from '@platformatic/kafka';

/** The package, which is loaded on demand. */
export type Library = typeof library;

type Client = library.Admin | library.Producer | library.Consumer;

/**
 * Makes a request to a broker that the metadata does not name fail, as a broken connection does. A broker is missing there
 * while it restarts. Version 1 of the library throws a `TypeError` in a callback then, which would end this process.
 * @returns the client itself.
 */
export function withMissingBrokers<C extends Client>(from: Library, client: C): C {
  const kGetConnection: typeof library.kGetConnection = from.kGetConnection;
  const get = client[kGetConnection];
  client[kGetConnection] = (
    broker: library.Broker | undefined,
    callback: library.Callback<library.Connection>,
  ): void => {
    if (broker) return get.call(client, broker, callback);
    // The next request asks for the brokers again.
    client.clearMetadata();
    return callback(new from.NetworkError('The broker is missing in the metadata of the cluster.'));
  };
  return client;
}

/**
 * Makes metadata without a topic that was asked for an error, as a broken connection is. It is missing while its broker
 * restarts or is very busy. Version 1 of the library throws a `TypeError` in a callback then, which would end this process.
 */
export function expectTopics(from: Library, client: library.Consumer): void {
  // oxlint-disable-next-line typescript/unbound-method -- the proxy passes `this` on
  client.metadata = new Proxy(client.metadata, {
    apply: (
      metadata,
      self: library.Consumer,
      [options, callback]: [library.MetadataOptions, library.Callback<library.ClusterMetadata> | undefined],
    ): unknown => {
      // Without a callback it returns a promise, which may reject.
      if (callback === undefined) return Reflect.apply(metadata, self, [options]);
      const checked: library.Callback<library.ClusterMetadata> = (error, found) => {
        const { topics = [] } = options;
        const isComplete = topics.every((topic) => found?.topics.get(topic) !== undefined);
        if (error || isComplete) return callback(error, found);
        self.clearMetadata();
        return callback(new from.NetworkError('A topic is missing in the metadata of the cluster.'), found);
      };
      return Reflect.apply(metadata, self, [options, checked]);
    },
  });
}

/** Closes a client of the library in any state. Never rejects. */
export function closeNow(client: Client): Promise<void> {
  return new Promise((resolve) => {
    const closed = (): void => resolve();
    if ('consume' in client || 'send' in client) client.close(true, closed);
    else client.close(closed);
  });
}
