import type { Calls } from '../../threads/Calls.js';
import type { Consumer, Messaging, Topic } from '../Messaging.js';
import type { BusServices, ConsumerServices } from './services.js';

/**
 * Makes a bus available to the thread behind `calls`. If that thread ends, its unhandled messages are left to the next process.
 * @param topicNamed the topic of a name, with its codec.
 */
export async function serveBus(
  calls: Calls,
  messaging: Messaging,
  topicNamed: (name: string) => Topic<unknown>,
): Promise<void> {
  const producer = await messaging.producer();
  const other = calls.to<ConsumerServices>();
  /** The volatile messages that the bus holds, by id. */
  const volatile = new Map<number, WeakRef<object>>();
  const forgotten = new FinalizationRegistry<number>((id) => volatile.delete(id));
  const consumers = new Map<number, Promise<Consumer>>();
  calls.serve({
    ensureTopic: (topic) => messaging.ensureTopic(topicNamed(topic)),
    send(topic, message, options, id) {
      if (id !== undefined && typeof message === 'object' && message !== null) {
        volatile.set(id, new WeakRef(message));
        forgotten.register(message, id);
      }
      return producer.send(topicNamed(topic), message, options);
    },
    async keep(topic, id) {
      // A message that the bus does not hold any more is handled.
      const message = volatile.get(id)?.deref();
      if (message) await producer.keep?.(topicNamed(topic), message);
    },
    async consume(id, topic, options) {
      const consumer = messaging.consume<unknown>({
        ...options,
        topic: topicNamed(topic),
        handle: (message, delivery) => other.callCalmly('deliver', id, message, delivery).catch(() => 'left' as const),
      });
      consumers.set(id, consumer);
      await consumer;
    },
    async leave(id) {
      const consumer = await consumers.get(id);
      consumers.delete(id);
      await consumer?.close();
    },
  } satisfies BusServices);
}
