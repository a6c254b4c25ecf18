import assert from 'node:assert/strict';
import { toApiError } from '../../../../controller/http/errors.js';
import { NoInvokersError } from '../../../../controller/loadbalancer/LoadBalancer.js';
import { BusUnavailableError, MessageTooLargeError } from '../../../../shared/messaging/Messaging.js';
import { TooManyRecordsError } from '../../../../shared/store/ActivationStore.js';
import { DocumentConflictError, StoreError } from '../../../../shared/store/ArtifactStore.js';

describe('toApiError', () => {
  const CASES: [unknown, number][] = [
    [new NoInvokersError(), 503],
    [new BusUnavailableError('away'), 503],
    [new TooManyRecordsError(70_000_000), 503],
    [new MessageTooLargeError('invoker0', 2, 1), 413],
    [new DocumentConflictError('guest/hello'), 409],
    [new StoreError('away'), 500],
    [new Error('nobody expected it'), 500],
    ['thrown without an error', 500],
  ];
  for (const [thrown, status] of CASES) {
    it(`answers ${status} to ${thrown instanceof Error ? thrown.name : typeof thrown}, and nothing of what it says`, () => {
      const error = toApiError(thrown);
      assert.equal(error.status, status);
      assert.ok(!error.message.includes('away') && !error.message.includes('nobody'));
    });
  }
});
