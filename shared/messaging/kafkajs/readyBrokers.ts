import { createRequire } from 'node:module';

/**
 * Patches what kafkajs 2.2.4 takes for a connected broker. After the connection, it asks the broker for the versions of its requests.
 * If the answer is late, as that of a frozen broker, the attempt to connect fails, but the connection stays. From then on
 * kafkajs prefers this broker, since it is connected, never asks for the versions again, and each request fails with
 * "Broker not connected", also after the broker goes on. With the patch, a broker is connected once its versions are known.
 */
export function knowVersions(): void {
  const loaded: unknown = createRequire(import.meta.url)('kafkajs/src/broker/index.js');
  if (!hasBroker(loaded)) return;
  const { prototype } = loaded;
  const { isConnected } = prototype;
  if (isConnected.knowsVersions === true) return;
  const isReady: Question = function () {
    return this.versions !== null && isConnected.call(this);
  };
  prototype.isConnected = Object.assign(isReady, { knowsVersions: true });
}

function hasBroker(loaded: unknown): loaded is { readonly prototype: Broker } {
  if (typeof loaded !== 'function') return false;
  const prototype: unknown = loaded.prototype;
  if (typeof prototype !== 'object' || prototype === null) return false;
  return typeof Reflect.get(prototype, 'isConnected') === 'function';
}

interface Question {
  (this: Broker): boolean;
  knowsVersions?: boolean;
}

/** The interface is that of kafkajs 2.2.4. */
interface Broker {
  /** Null before the first answer. */
  readonly versions: object | null;
  isConnected: Question;
}
