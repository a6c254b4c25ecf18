import type { CacheInvalidationMessage } from '../shared/messages/cacheInvalidation.js';
import type { ControllerInstance } from '../shared/messages/instances.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { Messaging, Topic } from '../shared/messaging/Messaging.js';
import { within } from '../shared/process/within.js';
import { PendingChanges } from './PendingChanges.js';

export interface CacheInvalidationParts {
  readonly messaging: Messaging;
  readonly topic: Topic<CacheInvalidationMessage>;
  readonly controller: ControllerInstance;
  readonly log: Logger;
  /** The longest time that a change waits for the other controllers, in ms. Default: a second. */
  readonly confirmMs?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly clock?: (() => number) | undefined;
}

export interface CacheInvalidation {
  /**
   * Tells the other controllers that a document changed. Resolves when all of them have removed it from their caches, so
   * that a client sees its change on each controller. Resolves after a second if one of them or the bus is slow. Never
   * rejects.
   */
  announce(id: string): Promise<void>;
  /** Calls `listener` with the id of each document that another controller changes from now on. */
  onChange(listener: (id: string) => void): void;
  close(): Promise<void>;
}

const CONFIRM_MS = 1000;
const NO_ENTITY = { mainId: '' };

/**
 * Keeps the caches of controllers consistent: each publishes the ids of changed documents (topic `cacheInvalidation`),
 * and answers the changes of the others that it has taken over.
 */
export async function startCacheInvalidation(parts: CacheInvalidationParts): Promise<CacheInvalidation> {
  const { messaging, topic, controller, log, confirmMs = CONFIRM_MS, clock = Date.now } = parts;
  const instanceId = `controller${controller.asString}`;
  await messaging.ensureTopic(topic);
  const producer = await messaging.producer();
  const listeners: ((id: string) => void)[] = [];
  // Above the numbers of earlier runs, whose answers may still come.
  const pending = new PendingChanges(clock());
  /** The latest change of each controller that waits for our answer. One answer is for all changes of a turn. */
  const unanswered = new Map<string, number>();

  const tell = async (message: Omit<CacheInvalidationMessage, 'instanceId' | 'key'>): Promise<void> => {
    try {
      await producer.send(topic, { instanceId, key: NO_ENTITY, ...message });
    } catch (error) {
      log.debug('could not tell the other controllers which changes this one has seen', { error });
    }
  };
  const answer = (other: string, change: number): void => {
    if (unanswered.size === 0) {
      setImmediate(() => {
        const seen = Object.fromEntries(unanswered);
        unanswered.clear();
        void tell({ seen });
      });
    }
    unanswered.set(other, Math.max(change, unanswered.get(other) ?? 0));
  };
  const take = ({ instanceId: other, key, change, seen, leaves }: CacheInvalidationMessage): void => {
    if (key.mainId !== '') for (const listener of listeners) listener(key.mainId);
    if (leaves) return pending.left(other);
    if (change !== undefined) answer(other, change);
    if (seen === undefined) return;
    if (Object.keys(seen).length > 0) return pending.seenBy(other, seen[instanceId] ?? 0);
    pending.joined(other);
    answer(other, 0);
  };

  const consumer = await messaging.consume({
    topic,
    group: `${topic.name}${instanceId}`,
    from: 'latest',
    maxInFlight: 128,
    handle: (message) => {
      if (message.instanceId !== instanceId) take(message);
      else if (message.change !== undefined) pending.returned(message.change);
    },
  });
  void tell({ seen: {} });
  return {
    announce(id) {
      return new Promise<void>((resolve) => {
        const change = pending.begin(() => {
          clearTimeout(late);
          resolve();
        });
        const late = setTimeout(() => pending.giveUp(change), confirmMs);
        producer.send(topic, { instanceId, key: { mainId: id }, change }).catch((error: unknown) => {
          log.warn(
            'could not announce a change to the other controllers; their caches are stale until entries expire',
            { error, id },
          );
          pending.fail(change);
        });
      });
    },
    onChange(listener) {
      listeners.push(listener);
    },
    async close() {
      await within(tell({ leaves: true }), confirmMs, () => undefined);
      await consumer.close();
      await producer.close();
    },
  };
}
