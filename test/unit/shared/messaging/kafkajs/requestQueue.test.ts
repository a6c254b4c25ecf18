import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { calmRequestQueue } from '../../../../../shared/messaging/kafkajs/requestQueue.js';

interface Queue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

describe('the request queue of kafkajs', () => {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as { prototype: Queue };

  function queueOf(pending: unknown[], throttledUntil = 0): { queue: Queue; checked: Promise<void> } {
    calmRequestQueue();
    const queue = Object.create(prototype) as Queue;
    const checked = new Promise<void>((resolve) => {
      Object.assign(queue, { pending, throttledUntil, throttleCheckTimeoutId: null, checkPendingRequests: resolve });
    });
    return { queue, checked };
  }

  it('arms no timer while no request waits', () => {
    const { queue } = queueOf([]);
    queue.scheduleCheckPendingRequests();
    assert.equal(queue.throttleCheckTimeoutId, null);
  });

  it('arms one timer while requests wait, also while the broker throttles us', async () => {
    for (const throttledUntil of [0, Date.now() + 5]) {
      const { queue, checked } = queueOf([{}], throttledUntil);
      queue.scheduleCheckPendingRequests();
      const timer = queue.throttleCheckTimeoutId;
      queue.scheduleCheckPendingRequests();
      assert.equal(queue.throttleCheckTimeoutId, timer);
      await checked;
      assert.equal(queue.throttleCheckTimeoutId, null);
    }
  });
});
