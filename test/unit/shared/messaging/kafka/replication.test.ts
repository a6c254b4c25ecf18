import assert from 'node:assert/strict';
import { replicationAdvice } from '../../../../../shared/messaging/kafka/replication.js';

describe('the advice on replication', () => {
  const advice = (replicas: number, minInsyncReplicas: number | undefined, acks: 'all' | '1' = 'all') =>
    replicationAdvice('invoker0', { replicas, minInsyncReplicas, maxMessageBytes: undefined }, acks);

  it('is silent if a message survives the loss of a broker, and is accepted without that broker', () => {
    assert.equal(advice(3, 2), undefined);
    assert.equal(advice(5, 3), undefined);
  });

  it('names the setting to change otherwise', () => {
    assert.match(advice(1, 1) ?? '', /one replica.*CONFIG_whisk_kafka_replicationFactor=3/);
    assert.match(advice(3, 1) ?? '', /min\.insync\.replicas=1.*Set it to 2/);
    assert.match(advice(3, undefined) ?? '', /min\.insync\.replicas=1/);
    assert.match(advice(3, 2, '1') ?? '', /CONFIG_whisk_kafka_producer_acks=1/);
    assert.match(advice(2, 2) ?? '', /nothing is accepted/);
  });
});
