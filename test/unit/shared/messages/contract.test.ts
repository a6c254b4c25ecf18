import assert from 'node:assert/strict';
import {
  acknowledgedActivation,
  combinedMessage,
  completionMessage,
  decodeAcknowledgement,
  encodeAcknowledgement,
  resultMessage,
  shrink,
  type Acknowledgement,
} from '../../../../shared/messages/acknowledgement.js';
import { decodeActivationMessage, encodeActivationMessage } from '../../../../shared/messages/activation.js';
import { decodeCacheInvalidation, encodeCacheInvalidation } from '../../../../shared/messages/cacheInvalidation.js';
import { decodeEvent, encodeEvent } from '../../../../shared/messages/event.js';
import { invokerInstance, parseSize } from '../../../../shared/messages/instances.js';
import { decodePing, encodePing } from '../../../../shared/messages/ping.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { kafkaRecording } from '../../../contract/kafka.js';

const recording = kafkaRecording();
const ours = topics();

/** One codec per recorded topic: text to text, through what our code works with. */
const passThrough: Record<string, (text: string) => string> = {
  invoker0: (text) => encodeActivationMessage(decodeActivationMessage(text)),
  completed0: (text) => encodeAcknowledgement(decodeAcknowledgement(text)),
  health: (text) => encodePing(decodePing(text)),
  cacheInvalidation: (text) => encodeCacheInvalidation(decodeCacheInvalidation(text)),
  events: (text) => encodeEvent(decodeEvent(text)),
};

const messagesOf = (topic: string): Record<string, unknown>[] =>
  (recording.topics[topic]?.messages ?? []).map(({ value }) => value);

describe('messages of Apache OpenWhisk', () => {
  for (const [topic, pass] of Object.entries(passThrough)) {
    describe(topic, () => {
      it('were recorded', () => {
        assert.ok(messagesOf(topic).length > 10);
      });

      it('are parsed and produced again equal', () => {
        for (const value of messagesOf(topic)) assert.deepEqual(JSON.parse(pass(JSON.stringify(value))), value);
      });

      it('are parsed with unknown fields in every object', () => {
        for (const value of messagesOf(topic)) pass(JSON.stringify(withUnknownFields(value)));
      });

      it('are parsed without the fields that are not always there', () => {
        const optional = optionalPaths(topic);
        for (const value of messagesOf(topic)) {
          for (const path of optional) {
            const without = structuredClone(value);
            if (!removePath(without, path.split('.').slice(1))) continue;
            assert.deepEqual(JSON.parse(pass(JSON.stringify(without))), without, `without ${path}`);
          }
        }
      });
    });
  }

  it('come from topics with the settings that ours have', () => {
    const made = {
      invoker0: ours.invoker(0),
      completed0: ours.completed('0'),
      health: ours.health,
      cacheInvalidation: ours.cacheInvalidation,
      events: ours.events,
    };
    assert.deepEqual(Object.keys(recording.topics).toSorted(), Object.keys(made).toSorted());
    for (const topic of Object.values(made)) {
      const recorded = recording.topics[topic.name];
      assert.deepEqual(topic.settings, recorded?.configsSetOnTopic, topic.name);
    }
  });
});

describe('pings', () => {
  it('say which kinds cannot run, and count as signs of life whatever stands there', () => {
    const [first] = messagesOf('health');
    const ping = decodePing(JSON.stringify(first));
    assert.equal(ping.unavailableKinds, undefined);
    const unavailableKinds = { 'python:3': 'there is no image' };
    assert.deepEqual(decodePing(encodePing({ ...ping, unavailableKinds })), { ...ping, unavailableKinds });
    for (const wrong of [null, 7, ['python:3'], { 'python:3': 1 }]) {
      assert.deepEqual(decodePing(JSON.stringify({ ...first, unavailableKinds: wrong })).name, ping.name);
    }
  });

  it('say whether an invoker prepares containers and drains, and count as signs of life whatever stands there', () => {
    const [first] = messagesOf('health');
    const ping = decodePing(JSON.stringify(first));
    for (const extensions of [{ prepares: true }, { drains: true }]) {
      assert.deepEqual(decodePing(encodePing({ ...ping, ...extensions })), { ...ping, ...extensions });
    }
    const wrong = decodePing(JSON.stringify({ ...first, prepares: 'yes', drains: 1 }));
    assert.deepEqual([wrong.name, wrong.prepares, wrong.drains], [ping.name, undefined, undefined]);
  });
});

describe('acknowledgements', () => {
  const recorded = messagesOf('completed0').map((value) => decodeAcknowledgement(JSON.stringify(value)));
  const ofKind = <K extends Acknowledgement['kind']>(kind: K): Extract<Acknowledgement, { kind: K }>[] =>
    recorded.filter((ack): ack is Extract<Acknowledgement, { kind: K }> => ack.kind === kind);

  it('were recorded of every kind', () => {
    assert.ok(ofKind('completion').length > 0);
    assert.ok(ofKind('result').length > 0);
    assert.ok(ofKind('combined').length > 0);
  });

  it('are built from a record as OpenWhisk builds them, without logs', () => {
    for (const { transid, response } of ofKind('result')) {
      assert.ok(typeof response !== 'string');
      const built = resultMessage(transid, { ...response, logs: ['a line'] });
      assert.deepEqual(built, { kind: 'result', transid, response });
    }
    for (const { transid, response, instance, isSystemError } of ofKind('combined')) {
      assert.ok(typeof response !== 'string');
      const built = combinedMessage(transid, response, instance);
      assert.deepEqual(built, { kind: 'combined', transid, response, instance, isSystemError });
    }
  });

  it('report the same system errors as OpenWhisk', () => {
    const records = new Map(
      ofKind('result').map(({ response }) => [typeof response === 'string' ? '' : response.activationId, response]),
    );
    let compared = 0;
    for (const completion of ofKind('completion')) {
      const record = records.get(completion.activationId);
      if (!record || typeof record === 'string') continue;
      assert.deepEqual(completionMessage(completion.transid, record, completion.instance), completion);
      compared++;
    }
    assert.ok(compared > 10);
  });

  it('shrink to the id of their activation, and are understood so', () => {
    for (const ack of recorded) {
      const small = decodeAcknowledgement(encodeAcknowledgement(shrink(ack)));
      assert.equal(small.kind, ack.kind);
      assert.equal(acknowledgedActivation(small), acknowledgedActivation(ack));
      if (small.kind !== 'completion') assert.equal(typeof small.response, 'string');
    }
  });

  it('are refused if they are invalid', () => {
    for (const text of ['', '{', '[]', '{}', '{"transid":["a",1]}', '{"transid":["a",1],"activationId":"x"}']) {
      assert.throws(() => decodeAcknowledgement(text), text);
    }
  });
});

describe('invoker instances', () => {
  it('are named in pings as OpenWhisk names them', () => {
    const ping = decodePing(JSON.stringify(messagesOf('health')[0]));
    assert.deepEqual(ping.name, invokerInstance(0, '0', 2048));
    assert.equal(parseSize(ping.name.userMemory), 2048 * 1024 * 1024);
  });

  it('carry sizes in any of the units', () => {
    assert.equal(parseSize('256 MB'), 256 * 1024 * 1024);
    assert.equal(parseSize('1g'), 1024 ** 3);
    assert.equal(parseSize('2048m'), 2048 * 1024 * 1024);
    assert.equal(parseSize('7 B'), 7);
    for (const none of ['', '12', 'MB', '1 TB', '1.5 MB', '-1 MB']) assert.equal(parseSize(none), undefined, none);
  });
});

describe('an activation message', () => {
  const [recorded] = messagesOf('invoker0');
  const base = decodeActivationMessage(JSON.stringify(recorded));

  it('keeps a transaction with extra logging and a parent', () => {
    const transid = { id: 'c', start: 3, extraLogging: true, parent: { id: 'p', start: 2, extraLogging: true } };
    const text = encodeActivationMessage({ ...base, transid });
    assert.deepEqual((JSON.parse(text) as { transid: unknown }).transid, ['c', 3, true, ['p', 2, true]]);
    assert.deepEqual(decodeActivationMessage(text).transid, transid);
  });

  it('carries the most containers of its action in a field of its own, absent without a limit', () => {
    assert.equal(decodeActivationMessage(encodeActivationMessage({ ...base, instances: 2 })).instances, 2);
    assert.ok(!encodeActivationMessage(base).includes('instances'));
  });

  it('carries its color in a field of its own, absent without one', () => {
    const color = { value: 'blue', hit: true };
    assert.deepEqual(decodeActivationMessage(encodeActivationMessage({ ...base, color })).color, color);
    assert.ok(!('color' in (JSON.parse(encodeActivationMessage({ ...base, color: undefined })) as object)));
  });
});

/**
 * The paths of fields that only some of a topic's messages have, in the recording's notation, without array indexes.
 */
function optionalPaths(topic: string): string[] {
  return Object.entries(recording.fieldsObserved.kinds)
    .filter(([kind]) => kind === topic || kind.startsWith(`${topic} `))
    .flatMap(([, { fields }]) =>
      Object.entries(fields)
        .filter(([path, types]) => / \(\d+\)$/.test(types) && !path.includes('['))
        .map(([path]) => path),
    );
}

function removePath(value: unknown, path: readonly string[]): boolean {
  const [field, ...rest] = path;
  if (field === undefined || typeof value !== 'object' || value === null || !(field in value)) return false;
  const object = value as Record<string, unknown>;
  if (rest.length > 0) return removePath(object[field], rest);
  delete object[field];
  return true;
}

function withUnknownFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withUnknownFields);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, inner]): [string, unknown] => [
    key,
    // Maps from names to values have no fields of their own.
    key === 'lockedArgs' ? inner : withUnknownFields(inner),
  ]);
  return { ...Object.fromEntries(fields), 'not known yet': { nested: [1, null] } };
}
