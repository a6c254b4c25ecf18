import type { Topic } from '../../../shared/messaging/Messaging.js';

export interface Numbered {
  n: number;
}

let serial = 0;

/** A topic of numbers, one that no other test uses unless it is given the name. */
export const numberTopic = (name = `numbers-${process.pid}-${Date.now()}-${serial++}`): Topic<Numbered> => ({
  name,
  encode: (message) => JSON.stringify(message),
  decode: (text) => JSON.parse(text) as Numbered,
  settings: {},
});
