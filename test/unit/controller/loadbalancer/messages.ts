import type { ActivationRecord, StatusCode } from '../../../../shared/entities/activation.js';
import { newActivationId } from '../../../../shared/entities/activationId.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';

/** A message of the guest's action `hello`. */
export function activationMessage(fields: Partial<ActivationMessage> = {}): ActivationMessage {
  return {
    transid: { id: 'test', start: 0 },
    action: { path: 'guest', name: 'hello', version: '0.0.1' },
    revision: '1-0',
    user: {
      subject: 'guest',
      namespace: { name: 'guest', uuid: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502' },
      authkey: {},
      rights: ['ACTIVATE'],
      limits: {},
    },
    activationId: newActivationId(),
    rootControllerIndex: { asString: '0', instanceType: 'controller' },
    blocking: true,
    initArgs: [],
    lockedArgs: {},
    ...fields,
  };
}

export function activationRecord(activationId: string, statusCode: StatusCode = 0): ActivationRecord {
  return {
    activationId,
    namespace: 'guest',
    name: 'hello',
    version: '0.0.1',
    subject: 'guest',
    publish: false,
    start: 1,
    end: 2,
    duration: 1,
    response: { statusCode, result: {}, size: 2 },
    logs: [],
    annotations: [],
  };
}
