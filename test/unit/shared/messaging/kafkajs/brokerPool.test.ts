import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { keepLastBroker } from '../../../../../shared/messaging/kafkajs/brokerPool.js';

interface Pool {
  brokers: Record<string, { readonly nodeId: string; readonly connectionPool: { host: string; port: number } }>;
  seedBroker: { readonly nodeId: string };
  metadataExpireAt: number | null;
  removeBroker(address: { host: string; port: number }): void;
}

describe('the brokers that kafkajs knows', () => {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/cluster/brokerPool.js') as { prototype: Pool };

  it('are forgotten when their connection closes, except the last one', () => {
    keepLastBroker();
    keepLastBroker();
    const broker = (nodeId: string, port: number) => ({ nodeId, connectionPool: { host: 'h', port } });
    const pool = Object.assign(Object.create(prototype) as Pool, {
      brokers: { '1': broker('1', 1), '2': broker('2', 2) },
      seedBroker: { nodeId: '3' },
      metadataExpireAt: 7,
    });
    pool.removeBroker({ host: 'h', port: 1 });
    assert.deepEqual([Object.keys(pool.brokers), pool.metadataExpireAt], [['2'], null]);
    pool.metadataExpireAt = 7;
    pool.removeBroker({ host: 'h', port: 2 });
    assert.deepEqual([Object.keys(pool.brokers), pool.metadataExpireAt], [['2'], null]);
  });
});
