import { createRequire } from 'node:module';
import { classify } from './errors.js';

/**
 * Patches kafkajs 2.2.4 to keep its last broker. Without the patch it removes a broker whose connection closed, and
 * ends a consumer without brokers: each restart of a single broker ends all consumers with a pending fetch. A new
 * consumer is a new member of its group and waits for the end of the old member's session: 6 s or more after the return
 * of the broker. With the patch, a consumer retries, and looks for other brokers at the configured addresses.
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
    // Force a new request for the metadata.
    else this.metadataExpireAt = null;
  };
  prototype.removeBroker = Object.assign(keepLast, { keepsLast: true });
}

/**
 * kafkajs 2.2.4 asks each broker for the coordinator of a group, and hides why they refuse. A consumer without the right to
 * read its group then looks for the coordinator without an end. This throws the refusal of the last broker.
 */
export function throwRefusals(): void {
  const loaded: unknown = createRequire(import.meta.url)('kafkajs/src/cluster/brokerPool.js');
  if (!hasBrokerPool(loaded)) return;
  const { prototype } = loaded;
  const ask = prototype.withBroker;
  if (ask.throwsRefusals === true) return;
  const askAndThrow: Request = async function (request) {
    const refusals: Error[] = [];
    const answer = await ask.call(this, async (broker) => {
      try {
        return await request(broker);
      } catch (error) {
        if (error instanceof Error && classify(error) === 'refused') refusals.push(error);
        throw error;
      }
    });
    const refusal = refusals.at(-1);
    if (answer === null && refusal) throw refusal;
    return answer;
  };
  prototype.withBroker = Object.assign(askAndThrow, { throwsRefusals: true });
}

function hasBrokerPool(loaded: unknown): loaded is { readonly prototype: BrokerPool } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null) return false;
  if (!('removeBroker' in prototype) || !('withBroker' in prototype)) return false;
  return typeof prototype.removeBroker === 'function' && typeof prototype.withBroker === 'function';
}

interface Request {
  (this: BrokerPool, request: (broker: unknown) => Promise<unknown>): Promise<unknown>;
  throwsRefusals?: boolean;
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
  withBroker: Request;
}
