import type { ConsumerOptions, Delivery, Handled, SendOptions } from '../Messaging.js';

/** The options of a consumer that travel to the bus. */
export type RemoteConsumerOptions = Pick<ConsumerOptions<unknown>, 'group' | 'from' | 'maxInFlight'>;

/** The functions of the thread of the bus. Topics travel by name. */
export type BusServices = {
  readonly ensureTopic: (topic: string) => Promise<void>;
  /** @param id of a volatile message, for `keep`. */
  readonly send: (topic: string, message: unknown, options: SendOptions, id: number | undefined) => Promise<void>;
  readonly keep: (topic: string, id: number) => Promise<void>;
  /** @param id distinguishes the consumers of a thread. */
  readonly consume: (id: number, topic: string, options: RemoteConsumerOptions) => Promise<void>;
  readonly leave: (id: number) => Promise<void>;
};

/** The function of a thread with consumers. */
export type ConsumerServices = {
  readonly deliver: (consumer: number, message: unknown, delivery: Delivery) => Promise<Handled>;
};
