import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { keepLastBroker, throwRefusals } from '../../../../../shared/messaging/kafkajs/brokerPool.js';

interface Pool {
  brokers: Record<string, { readonly nodeId: string; readonly connectionPool: { host: string; port: number } }>;
  seedBroker: { readonly nodeId: string };
  metadataExpireAt: number | null;
  removeBroker(address: { host: string; port: number }): void;
  withBroker(request: () => Promise<unknown>): Promise<unknown>;
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

  it('say why they refuse a request that all of them refuse', async () => {
    throwRefusals();
    throwRefusals();
    const broker = (nodeId: string) => ({ nodeId, connectionPool: { host: 'h', port: 1 } });
    const pool = Object.assign(Object.create(prototype) as Pool, {
      brokers: { '1': broker('1'), '2': broker('2') },
      findBroker: () => Promise.resolve({}),
    });
    const failing = (type: string) => (): Promise<never> => Promise.reject(Object.assign(new Error(type), { type }));
    await assert.rejects(pool.withBroker(failing('GROUP_AUTHORIZATION_FAILED')), /GROUP_AUTHORIZATION_FAILED/);
    assert.equal(await pool.withBroker(failing('NOT_CONTROLLER')), null);
    assert.equal(await pool.withBroker(() => Promise.resolve('answer')), 'answer');
  });
});
