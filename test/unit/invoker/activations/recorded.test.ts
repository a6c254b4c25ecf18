import assert from 'node:assert/strict';
import { executionRecord } from '../../../../invoker/activations/record.js';
import { executableAction } from '../../../../invoker/activations/ExecutableAction.js';
import { activationRecordSchema, type ActivationRecord } from '../../../../shared/entities/activation.js';
import { actionLimitsSchema } from '../../../../shared/entities/limits.js';
import { valueOf } from '../../../../shared/entities/keyvalue.js';
import { decodeActivationMessage, type ActivationMessage } from '../../../../shared/messages/activation.js';
import { combinedMessage, encodeAcknowledgement, resultMessage } from '../../../../shared/messages/acknowledgement.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { kafkaRecording } from '../../../contract/kafka.js';

/*
 * What an invoker of Apache OpenWhisk said of each recorded activation is what we say of it, given the same message, the
 * same action, the same response and the same times.
 */

const { topics } = kafkaRecording();
const sent = new Map<string, ActivationMessage>();
for (const { value } of topics['invoker0']?.messages ?? []) {
  const message = decodeActivationMessage(JSON.stringify(value));
  sent.set(message.activationId, message);
}

/** The recorded acknowledgements that carry a record of an activation whose message was recorded too. */
const recorded = (topics['completed0']?.messages ?? []).flatMap(({ step, value }) => {
  const parsed = activationRecordSchema.safeParse(value['response']);
  const message = parsed.success ? sent.get(parsed.data.activationId) : undefined;
  return parsed.success && message ? [{ step, value, record: parsed.data, message }] : [];
});

function textOf(record: ActivationRecord, key: string): string {
  const value = valueOf(record.annotations, key);
  assert.ok(typeof value === 'string');
  return value;
}

function executableOf(record: ActivationRecord) {
  const path = textOf(record, 'path');
  const namespace = path.slice(0, path.lastIndexOf('/'));
  const kind = textOf(record, 'kind');
  return executableAction(
    {
      _id: path,
      entityType: 'action',
      namespace,
      name: record.name,
      version: record.version,
      publish: false,
      updated: 0,
      annotations: [],
      parameters: [],
      exec: { kind },
      limits: actionLimitsSchema.parse(valueOf(record.annotations, 'limits')),
    },
    { image: { kind, reference: '', pull: false }, sentinelled: true },
  );
}

describe('the records of recorded activations', () => {
  it('are there', () => assert.ok(recorded.length >= 10, String(recorded.length)));

  for (const { step, value, record, message } of recorded) {
    it(`are made again: ${step ?? record.name} ${record.activationId.slice(0, 6)}`, () => {
      const waitTime = Number(valueOf(record.annotations, 'waitTime'));
      const initTime = valueOf(record.annotations, 'initTime');
      const begun = message.transid.start + waitTime;
      const init = typeof initTime === 'number' ? { start: begun, end: begun + initTime } : undefined;
      const made = executionRecord(
        message,
        executableOf(record),
        {
          response: record.response,
          total: { start: record.start, end: record.end },
          init,
          timedOut: valueOf(record.annotations, 'timeout') === true,
        },
        'invoker0',
      );
      const instance = invokerInstance(0, '0', 2048);
      const ack = value['instance']
        ? combinedMessage(message.transid, made, instance)
        : resultMessage(message.transid, made);
      assert.deepEqual(JSON.parse(encodeAcknowledgement(ack)), value);
    });
  }
});
