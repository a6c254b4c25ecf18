import { createRequire } from 'node:module';

/**
 * Patches a fault of kafkajs 2.2.4: after every response it sets a timer to check for waiting requests, and each timer
 * sets the next one. That causes some 800 wake-ups a second for every open connection, with a negative delay (Node 24
 * warns about it). The timer is needed only while requests wait. kafkajs has no more releases, so the patch is here.
 */
export function calmRequestQueue(): void {
  const require = createRequire(import.meta.url);
  const loaded: unknown = require('kafkajs/src/network/requestQueue/index.js');
  if (!hasRequestQueue(loaded)) return;
  const { prototype } = loaded;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : CHECK_INTERVAL_MS,
    );
  };
}

const CHECK_INTERVAL_MS = 10;

function hasRequestQueue(loaded: unknown): loaded is { readonly prototype: RequestQueue } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null || !('scheduleCheckPendingRequests' in prototype))
    return false;
  return typeof prototype.scheduleCheckPendingRequests === 'function';
}

/** The fields of an instance are those of kafkajs 2.2.4. Its constructor sets them. */
interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}
