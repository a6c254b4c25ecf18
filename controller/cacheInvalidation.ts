import type { CacheInvalidationMessage } from '../shared/messages/cacheInvalidation.js';
import type { ControllerInstance } from '../shared/messages/instances.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { Messaging, Topic } from '../shared/messaging/Messaging.js';

export interface CacheInvalidationParts {
  readonly messaging: Messaging;
  readonly topic: Topic<CacheInvalidationMessage>;
  readonly controller: ControllerInstance;
  readonly log: Logger;
}

export interface CacheInvalidation {
  /**
   * Tells the other controllers that a document changed. Resolves when this controller has consumed its own message:
   * then the others have most likely consumed it, too, and a client sees its change on each controller. Resolves after
   * a second if the bus is slow or unavailable. Never rejects.
   */
  announce(id: string): Promise<void>;
  /** Calls `listener` with the id of each document that another controller changes from now on. */
  onChange(listener: (id: string) => void): void;
  close(): Promise<void>;
}

/**
 * Keeps the caches of controllers consistent: each publishes the ids of changed documents (topic `cacheInvalidation`).
 */
export async function startCacheInvalidation(parts: CacheInvalidationParts): Promise<CacheInvalidation> {
  const { messaging, topic, controller, log } = parts;
  const instanceId = `controller${controller.asString}`;
  await messaging.ensureTopic(topic);
  const producer = await messaging.producer();
  const listeners: ((id: string) => void)[] = [];
  const returning = new Map<string, (() => void)[]>();
  const consumer = await messaging.consume({
    topic,
    group: `${topic.name}${instanceId}`,
    from: 'latest',
    maxInFlight: 128,
    handle: (message) => {
      const id = message.key.mainId;
      if (message.instanceId !== instanceId) {
        for (const listener of listeners) listener(id);
        return;
      }
      // The bus keeps the order, so the message belongs to the oldest pending announcement.
      returning.get(id)?.[0]?.();
    },
  });
  return {
    announce(id) {
      return new Promise<void>((resolve) => {
        const settle = (): void => {
          clearTimeout(late);
          const others = returning.get(id)?.filter((other) => other !== settle) ?? [];
          if (others.length > 0) returning.set(id, others);
          else returning.delete(id);
          resolve();
        };
        const late = setTimeout(settle, RETURN_MS);
        returning.set(id, [...(returning.get(id) ?? []), settle]);
        producer.send(topic, { instanceId, key: { mainId: id } }).catch((error: unknown) => {
          log.warn(
            'could not announce a change to the other controllers; their caches are stale until entries expire',
            { error, id },
          );
          settle();
        });
      });
    },
    onChange(listener) {
      listeners.push(listener);
    },
    async close() {
      await consumer.close();
      await producer.close();
    },
  };
}

/** The longest time that a change waits for its announcement, in ms. */
const RETURN_MS = 1000;
