import assert from 'node:assert/strict';
import { AssignerProtocol, Kafka, logLevel, type Admin } from 'kafkajs';
import { KAFKA_CLIENTS } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { eventually } from '../../e2e/eventually.js';
import { messagingSuite, TOPICS } from '../../suites/messaging.js';
import { brokerMissing } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';

for (const name of KAFKA_CLIENTS) {
  let kafka: TestKafka | undefined;
  let admin: Admin | undefined;
  messagingSuite(
    { name: `Kafka through ${name}`, encodes: true, missing: brokerMissing() },
    async () => {
      kafka = await startKafka(TOPICS);
      const brokers = kafka.hosts.split(',');
      const asked = new Kafka({ brokers, clientId: 'groups', logLevel: logLevel.NOTHING }).admin();
      await asked.connect();
      admin = asked;
      return {
        connect: () => openKafka(name, { brokers, clientId: 'messaging-test' }),
        quietMs: 300,
        settled: (group, members) => settled(asked, group, members),
      };
    },
    async () => {
      await admin?.disconnect();
      await kafka?.close();
    },
  );
}

/** Resolves once a group is stable, has so many members, and one of them has the only partition of the topic. */
async function settled(admin: Admin, group: string, count: number): Promise<void> {
  await eventually(async () => {
    const [described] = (await admin.describeGroups([group])).groups;
    assert.equal(described?.state, 'Stable');
    assert.equal(described.members.length, count);
    const partitions = described.members.flatMap(({ memberAssignment }) =>
      Object.values(AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {}).flat(),
    );
    assert.deepEqual(partitions, [0]);
  }, 60_000);
}
