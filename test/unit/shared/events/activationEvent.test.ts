import assert from 'node:assert/strict';
import { activationEvent } from '../../../../shared/events/activationEvent.js';
import { createUserEvents } from '../../../../shared/events/UserEvents.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import type { EventMessage } from '../../../../shared/messages/event.js';
import { decodeEvent, encodeEvent } from '../../../../shared/messages/event.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

const record: ActivationRecord = {
  activationId: '91fb4b35898c44b5bb4b35898c74b5c8',
  namespace: 'guest',
  name: 'hello',
  version: '0.0.1',
  subject: 'guest',
  publish: false,
  start: 100,
  end: 135,
  duration: 35,
  response: { statusCode: 0, result: { greeting: 'Hello' }, size: 24 },
  logs: [],
  annotations: [
    { key: 'path', value: 'guest/hello' },
    { key: 'waitTime', value: 86 },
    { key: 'kind', value: 'nodejs:20' },
    { key: 'timeout', value: false },
    { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 } },
    { key: 'initTime', value: 28 },
  ],
};

describe('the event of an activation', () => {
  it("is the same as Apache OpenWhisk's", () => {
    assert.deepEqual(activationEvent(record, 'invoker0', 'uuid', 7), {
      body: {
        activationId: '91fb4b35898c44b5bb4b35898c74b5c8',
        conductor: false,
        duration: 35,
        initTime: 28,
        kind: 'nodejs:20',
        memory: 256,
        name: 'guest/hello',
        size: 24,
        statusCode: 0,
        waitTime: 86,
      },
      eventType: 'Activation',
      namespace: 'guest',
      source: 'invoker0',
      subject: 'guest',
      timestamp: 7,
      userId: 'uuid',
    });
  });

  it('of a sequence or a composition says so', () => {
    const annotations = [
      { key: 'path', value: 'guest/seq' },
      { key: 'kind', value: 'sequence' },
      { key: 'conductor', value: true },
      { key: 'causedBy', value: 'sequence' },
    ];
    const event = activationEvent({ ...record, annotations, response: { statusCode: 0 } }, 'controller0', 'uuid', 7);
    assert.ok(event?.eventType === 'Activation');
    const { conductor, causedBy, initTime, waitTime, memory } = event.body;
    assert.deepEqual([conductor, causedBy, initTime, waitTime, memory], [true, 'sequence', 0, 0, 0]);
    assert.ok(!('size' in event.body));
  });

  it('carries the status code that the action gave to its result', () => {
    const statusCodeOf = (result: Json) => {
      const event = activationEvent({ ...record, response: { statusCode: 0, result } }, 's', 'u', 0);
      return event?.eventType === 'Activation' ? event.body.userDefinedStatusCode : undefined;
    };
    assert.equal(statusCodeOf({ statusCode: 418 }), 418);
    assert.equal(statusCodeOf({ statusCode: 200, error: { statusCode: 502 } }), 502);
    assert.equal(statusCodeOf({ statusCode: '404' }), 404);
    assert.equal(statusCodeOf({ statusCode: 'teapot' }), 400);
    assert.equal(statusCodeOf({ error: 'x' }), undefined);
    assert.equal(statusCodeOf([{ statusCode: 418 }]), undefined);
  });

  it('is none for a trigger', () => {
    assert.equal(activationEvent({ ...record, annotations: [] }, 'controller0', 'uuid', 0), undefined);
  });
});

describe('user events', () => {
  const user = {
    subject: 'guest',
    namespace: { name: 'guest', uuid: 'uuid' },
    authkey: {},
    rights: [],
    limits: {},
  };
  const options = { source: 'controller0', topic: topics().events, log: silentLogger, clock: () => 9 };

  it('are sent to the topic, and read back as they were', () => {
    const sent: EventMessage[] = [];
    const producer = {
      send: (_: unknown, message: unknown) => Promise.resolve(void sent.push(message as EventMessage)),
    };
    const events = createUserEvents({ ...options, producer });
    events.activation(record, 'uuid');
    events.metric('ConcurrentInvocations', 3, user);
    assert.deepEqual(
      sent.map((message) => decodeEvent(encodeEvent(message))),
      sent,
    );
    assert.deepEqual(sent[1], {
      source: 'controller0',
      body: { metricName: 'ConcurrentInvocations', metricValue: 3 },
      subject: 'guest',
      namespace: 'guest',
      userId: 'uuid',
      eventType: 'Metric',
      timestamp: 9,
    });
  });

  it('that cannot be sent are logged and forgotten', async () => {
    const warned: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void warned.push(message) };
    const events = createUserEvents({ ...options, log, producer: { send: () => Promise.reject(new Error('down')) } });
    events.metric('TimedRateLimit', 1, user);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warned, ['could not send a user event']);
  });
});
