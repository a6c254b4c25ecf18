import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { Kafka, logLevel, type AclOperationTypes, type AclResourceTypes, type Admin } from 'kafkajs';
import { couchSettings } from '../../../deploy/local/Topology.js';
import { invokerConfig } from '../../../shared/config/invokerConfig.js';
import { silentLogger, type Logger } from '../../../shared/logging/Logger.js';
import { KAFKA_CLIENTS } from '../../../shared/messaging/clients/names.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { BusRefusedError, type Messaging } from '../../../shared/messaging/Messaging.js';
import { until } from '../../suites/messaging.js';
import { eventually } from '../../e2e/eventually.js';
import { startOwnCouch, type OwnCouch } from '../couchdb/couch.js';
import { runToEnd } from '../distributed/runToEnd.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';
import { numberTopic, type Numbered } from './numbers.js';

const { AclOperationTypes: Right, AclPermissionTypes, AclResourceTypes: Resource, ResourcePatternTypes } = kafkajs;

const LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';

describe('Kafka with an authorizer', function () {
  let broker: Broker;
  let admin: Admin;
  let users = 0;
  const open: Messaging[] = [];

  before(async function () {
    skipWithoutOwnBroker(this);
    const names = Array.from({ length: 16 }, (_, i) => `user_whisk${i}="secret"`).join(' ');
    broker = await startBroker({
      properties: {
        listeners: 'SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controllerPort}',
        'listener.security.protocol.map': 'SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'SASL_PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${LOGIN} username="admin" password="secret" user_admin="secret" ${names};`,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // The controller's listener has no users.
        'super.users': 'User:admin;User:ANONYMOUS',
      },
    });
    admin = new Kafka({
      brokers: [broker.hosts],
      clientId: 'tests',
      sasl: { mechanism: 'plain', username: 'admin', password: 'secret' },
      logLevel: logLevel.NOTHING,
    }).admin();
    await admin.connect();
  });
  afterEach(() => Promise.all(open.splice(0).map((messaging) => messaging.close())));
  after(async () => {
    await (admin as Admin | undefined)?.disconnect();
    await (broker as Broker | undefined)?.close();
  });

  /** A user without rights. */
  const newUser = (): string => `whisk${users++}`;

  const settings = (user: string): Record<string, string> => ({
    KAFKA_HOSTS: broker.hosts,
    CONFIG_whisk_couchdb_host: 'unused',
    CONFIG_whisk_kafka_common_securityProtocol: 'SASL_PLAINTEXT',
    CONFIG_whisk_kafka_common_saslMechanism: 'PLAIN',
    CONFIG_whisk_kafka_common_saslJaasConfig: `${LOGIN} username="${user}" password="secret";`,
  });

  const acl = (user: string, resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes) => ({
    principal: `User:${user}`,
    host: '*',
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  });
  const grant = (...args: Parameters<typeof acl>): Promise<boolean> => admin.createAcls({ acl: [acl(...args)] });

  async function connect(client: (typeof KAFKA_CLIENTS)[number], user: string, log: Logger): Promise<Messaging> {
    const messaging = await openKafka(client, { ...invokerConfig(settings(user)).kafka, log });
    open.push(messaging);
    return messaging;
  }

  const refused =
    (...words: RegExp[]) =>
    (error: Error): true => {
      assert.ok(error instanceof BusRefusedError, String(error));
      for (const word of words) assert.match(error.message, word);
      return true;
    };

  for (const client of KAFKA_CLIENTS) {
    describe(`through ${client}`, () => {
      it('names a topic that it may not make, and the right', async () => {
        const messaging = await connect(client, newUser(), silentLogger);
        const topic = numberTopic();
        await assert.rejects(messaging.ensureTopic(topic), refused(new RegExp(`topic ${topic.name}`), /CREATE/));
      });

      it('names a group that it may not join, and the right', async () => {
        const user = newUser();
        const messaging = await connect(client, user, silentLogger);
        const topic = numberTopic();
        await grant(user, Resource.TOPIC, topic.name, Right.ALL);
        const consuming = messaging.consume<Numbered>({ topic, group: 'g', maxInFlight: 1, handle: () => undefined });
        await assert.rejects(consuming, refused(/group g /, /READ on the group/));
      });

      it('names a topic that it may not write to, and the right', async () => {
        const user = newUser();
        const messaging = await connect(client, user, silentLogger);
        const topic = numberTopic();
        await grant(user, Resource.TOPIC, topic.name, Right.CREATE);
        await grant(user, Resource.TOPIC, topic.name, Right.DESCRIBE);
        await grant(user, Resource.TOPIC, 'another', Right.WRITE);
        await messaging.ensureTopic(topic);
        const producer = await messaging.producer();
        await assert.rejects(producer.send(topic, { n: 1 }), new RegExp(`${topic.name}.*WRITE`));
      });
    });
  }

  it('says once that a right is taken away, and goes on when it is given back', async () => {
    await Promise.all(
      KAFKA_CLIENTS.flatMap((client) => [
        losesAndRegains(client, Resource.GROUP),
        // The group still lets it in.
        losesAndRegains(client, Resource.TOPIC),
      ]),
    );
  });

  /** A user with no more rights than needed reads a topic that others made. */
  async function losesAndRegains(client: (typeof KAFKA_CLIENTS)[number], resource: AclResourceTypes): Promise<void> {
    const user = newUser();
    const topic = numberTopic();
    const { name } = topic;
    await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }], waitForLeaders: false });
    await eventually(() => admin.fetchTopicMetadata({ topics: [name] }));
    await grant(user, Resource.TOPIC, name, Right.READ);
    await grant(user, Resource.TOPIC, name, Right.WRITE);
    await grant(user, Resource.GROUP, name, Right.READ);
    const said: string[] = [];
    const log: Logger = { ...silentLogger, warn: (text) => void said.push(text) };
    const messaging = await connect(client, user, log);
    const got: number[] = [];
    const handle = ({ n }: Numbered): void => void got.push(n);
    await messaging.consume<Numbered>({ topic, group: name, maxInFlight: 1, handle });
    const producer = await messaging.producer();
    await producer.send(topic, { n: 1 });
    await until(() => got.includes(1));

    await admin.deleteAcls({ filters: [acl(user, resource, name, Right.READ)] });
    const line = `group ${name} may not read topic ${name}, retrying: `;
    // A process always sends something: so the bus is known to answer.
    for (const end = Date.now() + 60_000; !said.some((text) => text.startsWith(line)); await sleep(200)) {
      assert.ok(Date.now() < end, said.join('\n'));
      await producer.send(topic, { n: 2 });
    }
    await grant(user, resource, name, Right.READ);
    await producer.send(topic, { n: 3 });
    await until(() => got.includes(3));
    // A broker on a busy machine may need seconds to make its topic of groups: this is an outage, and not a matter of rights.
    const lines = said.filter((text) => !/has one replica|^the bus \(Kafka/.test(text));
    assert.equal(lines.length, 1, said.join('\n'));
    assert.match(
      lines.join(),
      new RegExp(`grant the user READ on the group ${name}, and READ and DESCRIBE on the topic`),
    );
  }

  describe('the start of a process', () => {
    let couch: OwnCouch;
    before(async () => {
      couch = await startOwnCouch();
    });
    after(() => (couch as OwnCouch | undefined)?.close());

    it('ends with one line that names the topic and the right, and with exit code 1', async () => {
      const environment = { ...settings(newUser()), ...couchSettings(couch.options()), PORT: '0' };
      const { code, stderr } = await runToEnd('controller/main', ['0'], environment);
      assert.match(stderr, /^palette-whisk controller: .*topic \S+.*CREATE.*\n$/);
      assert.equal(code, 1);
    });
  });
});
