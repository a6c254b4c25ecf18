import type { ActivationRecord } from '../entities/activation.js';
import type { Identity } from '../entities/identity.js';
import type { Logger } from '../logging/Logger.js';
import type { Producer, Topic } from '../messaging/Messaging.js';
import type { EventMessage } from '../messages/event.js';
import { activationEvent } from './activationEvent.js';

/** The metrics of user events. */
export type UserMetric = 'ConcurrentInvocations' | 'ConcurrentRateLimit' | 'TimedRateLimit';

/**
 * Sends events to users' monitoring on the topic `events`, if enabled. Never throws and never waits: an event that
 * cannot be sent is logged and lost.
 */
export interface UserEvents {
  /** `userId`: the uuid of the caller's namespace. */
  activation(record: ActivationRecord, userId: string): void;
  metric(name: UserMetric, value: number, user: Identity): void;
}

export const noUserEvents: UserEvents = { activation() {}, metric() {} };

/** Tells `told` each activation in addition to `events`. `told` must be quick and must not throw. */
export function alsoTelling(events: UserEvents, told: ((record: ActivationRecord) => void) | undefined): UserEvents {
  if (!told) return events;
  return {
    activation(record, userId) {
      told(record);
      events.activation(record, userId);
    },
    metric: (name, value, user) => events.metric(name, value, user),
  };
}

export interface UserEventsOptions {
  /** The source of the events: `controller0`, `invoker0`. */
  readonly source: string;
  readonly producer: Pick<Producer, 'send'>;
  readonly topic: Topic<EventMessage>;
  readonly log: Logger;
  readonly clock: () => number;
}

export function createUserEvents({ source, producer, topic, log, clock }: UserEventsOptions): UserEvents {
  const send = (message: EventMessage): void => {
    producer.send(topic, message).catch((error: unknown) => {
      log.warn('could not send a user event', { error, eventType: message.eventType });
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
