import type { CacheInvalidationMessage } from '../shared/messages/cacheInvalidation.js';
import type { ControllerInstance } from '../shared/messages/instances.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { Messaging, Topic } from '../shared/messaging/Messaging.js';

export interface CacheInvalidationParts {
  readonly messaging: Messaging;
  readonly topic: Topic<CacheInvalidationMessage>;
  readonly controller: ControllerInstance;
  readonly log: Logger;
  /** Another controller changed the document of that id. */
  readonly invalidate: (id: string) => void;
}

export interface CacheInvalidation {
  /** Tells the other controllers that a document changed. Never throws and never waits. */
  announce(id: string): void;
  close(): Promise<void>;
}

/** Keeps the caches of several controllers true: each tells the others what it changed (topic `cacheInvalidation`). */
export async function startCacheInvalidation(parts: CacheInvalidationParts): Promise<CacheInvalidation> {
  const { messaging, topic, controller, log, invalidate } = parts;
  const instanceId = `controller${controller.asString}`;
  await messaging.ensureTopic(topic);
  const producer = await messaging.producer();
  const consumer = await messaging.consume({
    topic,
    group: `${topic.name}${instanceId}`,
    from: 'latest',
    maxInFlight: 128,
    handle: (message) => {
      if (message.instanceId !== instanceId) invalidate(message.key.mainId);
    },
  });
  return {
    announce(id) {
      producer.send(topic, { instanceId, key: { mainId: id } }).catch((error: unknown) => {
        log.warn('other controllers were not told of a change; their caches expire by age', { error, id });
      });
    },
    async close() {
      await consumer.close();
      await producer.close();
    },
  };
}
