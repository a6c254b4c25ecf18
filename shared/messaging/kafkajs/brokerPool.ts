import { createRequire } from 'node:module';

/**
 * kafkajs 2.2.4 forgets a broker whose connection has closed, and ends a consumer that knows no broker any more. With a
 * single broker each restart of it ends every consumer that had a fetch under way. A new consumer is a new member of its
 * group, and waits until the group has given up the old member: 6 s and more after the return of the broker. So the last
 * broker is kept. A consumer that cannot reach it tries again, and asks the addresses in its settings for other brokers.
 */
export function keepLastBroker(): void {
  const require = createRequire(import.meta.url);
  const loaded: unknown = require('kafkajs/src/cluster/brokerPool.js');
  if (!hasBrokerPool(loaded)) return;
  const { prototype } = loaded;
  const remove = prototype.removeBroker;
  if (remove.keepsLast) return;
  const keepLast: Removal = function (address) {
    if (Object.keys(this.brokers).length > 1) remove.call(this, address);
    // The metadata is asked for again.
    else this.metadataExpireAt = null;
  };
  prototype.removeBroker = Object.assign(keepLast, { keepsLast: true });
}

function hasBrokerPool(loaded: unknown): loaded is { readonly prototype: BrokerPool } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null || !('removeBroker' in prototype)) return false;
  return typeof prototype.removeBroker === 'function';
}

interface Removal {
  (this: BrokerPool, address: { readonly host: string; readonly port: number }): void;
  keepsLast?: boolean;
}

/** The fields of an instance are those of kafkajs 2.2.4. Its constructor sets them. */
interface BrokerPool {
  readonly brokers: Readonly<Record<string, unknown>>;
  metadataExpireAt: number | null;
  removeBroker: Removal;
}
