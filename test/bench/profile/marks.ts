import { Server } from 'node:http';
import { Socket } from 'node:net';
import { HttpConnection } from '../../../invoker/containers/HttpConnection.js';
import { ContainerClient } from '../../../invoker/containers/ContainerClient.js';
import { Dispatcher } from '../../../shared/messaging/kafka/Dispatcher.js';
import { KafkaProducer } from '../../../shared/messaging/kafka/KafkaProducer.js';
import type { Mark } from './steps.js';

/*
 * Notes in a controller or an invoker when a call passes each point of its way. It wraps methods of the running process, so
 * it costs nothing before `startMarks`.
 */

/** The most marks of a process, so that a forgotten measurement does not fill its memory. */
const MAX_MARKS = 200_000;
/** Kafka's number of the request that sends messages, and its place in a request: after the length. */
const PRODUCE = 0;
const API_KEY_AT = 4;

const marks: Mark[] = [];
let started = false;

/** Forgets all marks, and notes them from now on. @param brokers `host:port` of Kafka's brokers, separated by commas */
export function startMarks(brokers: string): void {
  marks.length = 0;
  if (started) return;
  started = true;
  const ports = new Set(brokers.split(',').map((broker) => Number(broker.slice(broker.lastIndexOf(':') + 1))));
  const isKafka = (socket: unknown): boolean => socket instanceof Socket && ports.has(socket.remotePort ?? 0);
  wrap(Server.prototype, 'emit', (_, [event]) => event === 'request' && note('request'));
  wrap(Socket.prototype, 'emit', (self, [event]) => event === 'data' && isKafka(self) && note('read'));
  wrap(Socket.prototype, 'write', (self, [chunk]) => {
    if (isKafka(self)) {
      const isRequest = Buffer.isBuffer(chunk) && chunk.length > API_KEY_AT + 1;
      if (isRequest && chunk.readInt16BE(API_KEY_AT) === PRODUCE) note('written');
    } else if (self instanceof Socket && 'server' in self && self.server) note('answered');
  });
  wrap(KafkaProducer.prototype, 'send', () => note('send'));
  wrap(Dispatcher.prototype, 'dispatch', () => note('handed'));
  wrap(HttpConnection.prototype, 'send', () => note('run'));
  wrap(
    ContainerClient.prototype,
    'post',
    () => undefined,
    () => note('ran'),
  );
}

/** The marks since the last `startMarks`, in the order of time. */
export const takeMarks = (): readonly Mark[] => marks;

function note(point: Mark['point']): void {
  if (marks.length < MAX_MARKS) marks.push({ at: performance.timeOrigin + performance.now(), point });
}

/** Calls `heard` before each call of a method, and `settled` when a promise that it returned settles. */
function wrap<T extends object>(
  of: T,
  name: keyof T,
  heard: (self: unknown, args: readonly unknown[]) => void,
  settled?: () => void,
): void {
  const method = of[name];
  if (typeof method !== 'function') throw new TypeError(`${String(name)} is not a method`);
  of[name] = new Proxy(method, {
    apply: (target, self: unknown, args: unknown[]): unknown => {
      heard(self, args);
      const result: unknown = Reflect.apply(target, self, args);
      if (settled && result instanceof Promise) result.then(settled, settled);
      return result;
    },
  });
}
