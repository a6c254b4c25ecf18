import type { ActivationRecord } from '../entities/activation.js';
import type { Identity } from '../entities/identity.js';
import type { Logger } from '../logging/Logger.js';
import type { Producer, Topic } from '../messaging/Messaging.js';
import type { EventMessage } from '../messages/event.js';
import { activationEvent } from './activationEvent.js';

/** The metrics that a controller tells of. */
export type UserMetric = 'ConcurrentInvocations' | 'ConcurrentRateLimit' | 'TimedRateLimit';

/**
 * What users' monitoring is told on the topic `events`. Off by default. Never throws and never waits: an event that
 * cannot be sent is logged and lost.
 */
export interface UserEvents {
  /** `userId`: the uuid of the caller's namespace. */
  activation(record: ActivationRecord, userId: string): void;
  metric(name: UserMetric, value: number, user: Identity): void;
}

export const noUserEvents: UserEvents = { activation() {}, metric() {} };

export interface UserEventsOptions {
  /** Who tells: `controller0`, `invoker0`. */
  readonly source: string;
  readonly producer: Pick<Producer, 'send'>;
  readonly topic: Topic<EventMessage>;
  readonly log: Logger;
  readonly clock: () => number;
}

export function createUserEvents({ source, producer, topic, log, clock }: UserEventsOptions): UserEvents {
  const send = (message: EventMessage): void => {
    producer.send(topic, message).catch((error: unknown) => {
      log.warn('user event was not sent', { error, eventType: message.eventType });
    });
  };
  return {
    activation(record, userId) {
      const message = activationEvent(record, source, userId, clock());
      if (message) send(message);
    },
    metric(metricName, metricValue, user) {
      send({
        source,
        body: { metricName, metricValue },
        subject: user.subject,
        namespace: user.namespace.name,
        userId: user.namespace.uuid,
        eventType: 'Metric',
        timestamp: clock(),
      });
    },
  };
}
