import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { ProcessDriver } from '../../../invoker/containers/process/ProcessDriver.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../../invoker/Invoker.js';
import { InvokerMetrics } from '../../../invoker/pool/metrics.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import type { Action } from '../../../shared/entities/documents.js';
import { newTransactionId } from '../../../shared/entities/transaction.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { acknowledgedActivation, type Acknowledgement } from '../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { PingMessage } from '../../../shared/messages/ping.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Producer } from '../../../shared/messaging/Messaging.js';
import { topics as allTopics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../../../shared/store/CachedEntityStore.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';

const topics = allTopics();
const MANIFEST = parseManifest({
  runtimes: { nodejs: [{ kind: 'nodejs:20', default: true, image: { name: 'node' }, attached: null }] },
});

/** An invoker with processes for containers, on the embedded bus and store; the test is its controller. */
class Installation {
  readonly messaging = new EmbeddedMessaging();
  readonly acks: Acknowledgement[] = [];
  readonly pings: PingMessage[] = [];
  readonly driver: ProcessDriver;
  readonly invoker: Invoker;
  readonly entities: CachedEntityStore;
  readonly activations: BatchingActivationStore;
  readonly stores: Stores;
  #producer: Producer | undefined;
  readonly #waiting = new Map<string, (ack: Acknowledgement) => void>();

  constructor(stores: Stores) {
    this.stores = stores;
    this.entities = new CachedEntityStore(stores.whisks);
    this.activations = new BatchingActivationStore(stores.activations);
    this.driver = new ProcessDriver({ logger: silentLogger, owner: `test-invoker-${process.pid}` });
    this.invoker = new Invoker({
      config: {
        ...DEFAULT_INVOKER_CONFIG,
        instance: invokerInstance(0, 'test', 1024),
        limits: DEFAULT_LIMITS,
        apiHost: 'http://localhost:1',
      },
      messaging: this.messaging,
      topics,
      entities: this.entities,
      subjects: stores.subjects,
      activations: this.activations,
      recorder: { record: (record) => this.activations.store(record) },
      driver: this.driver,
      runtimes: MANIFEST,
      decrypt: (_, value) => value,
      metrics: new InvokerMetrics(new Registry()),
      log: silentLogger,
    });
  }

  async start(): Promise<void> {
    this.#producer = await this.messaging.producer();
    await this.messaging.consume({
      topic: topics.completed('0'),
      group: 'completed0',
      maxInFlight: 100,
      handle: (ack) => {
        this.acks.push(ack);
        if (ack.kind !== 'result') this.#waiting.get(acknowledgedActivation(ack))?.(ack);
      },
    });
    await this.messaging.consume({
      topic: topics.health,
      group: 'health0',
      maxInFlight: 100,
      handle: (ping) => void this.pings.push(ping),
    });
    await this.invoker.start();
  }

  async stop(): Promise<void> {
    await this.invoker.stop();
    await this.driver.close();
    await this.messaging.close();
    await this.activations.close();
    await this.stores.close();
  }

  putAction(name: string, code: string, over: Partial<Action> = {}): Promise<Action> {
    return this.entities.putAction({
      _id: `guest/${name}`,
      entityType: 'action',
      namespace: 'guest',
      name,
      version: '0.0.1',
      publish: false,
      annotations: [],
      parameters: [],
      exec: { kind: 'nodejs:20', code, binary: false },
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
      updated: 0,
      ...over,
    });
  }

  /** Sends an activation and waits for its slot to be free; resolves to its record. */
  async invoke(name: string, over: Partial<ActivationMessage> = {}): Promise<ActivationRecord | undefined> {
    const activationId = newActivationId();
    const done = new Promise((resolve) => this.#waiting.set(activationId, resolve));
    await this.#producer?.send(topics.invoker(0), {
      transid: newTransactionId(),
      action: { path: 'guest', name, version: '0.0.1' },
      revision: null,
      user: {
        subject: 'guest',
        namespace: { name: 'guest', uuid: 'uuid' },
        authkey: { api_key: 'uuid:key' },
        rights: [],
        limits: {},
      },
      activationId,
      rootControllerIndex: { asString: '0', instanceType: 'controller' },
      blocking: true,
      content: {},
      initArgs: [],
      lockedArgs: {},
      ...over,
    });
    await done;
    return this.activations.get('guest', activationId);
  }
}

describe('Invoker', () => {
  let installation: Installation;

  beforeEach(async () => {
    installation = new Installation(await openTemporaryStores());
    await installation.start();
  });
  afterEach(() => installation.stop());

  it('runs an action, acknowledges its result and then its completion, and records it with logs', async () => {
    const { _rev } = await installation.putAction(
      'hello',
      'function main({ name }) { console.log("hi", name); return { greeting: `Hello ${name}` }; }',
    );
    const cold = await installation.invoke('hello', { content: { name: 'you' }, revision: _rev ?? null });
    const warm = await installation.invoke('hello', { content: { name: 'me' }, revision: _rev ?? null });
    assert.deepEqual(cold?.response, { statusCode: 0, result: { greeting: 'Hello you' }, size: 24 });
    assert.match(cold?.logs[0] ?? '', /^\S{30} stdout: hi you$/);
    assert.deepEqual(
      cold?.annotations.map(({ key }) => key),
      ['path', 'waitTime', 'kind', 'timeout', 'limits', 'initTime'],
    );
    assert.deepEqual(
      warm?.annotations.map(({ key }) => key),
      ['path', 'waitTime', 'kind', 'timeout', 'limits'],
    );
    assert.deepEqual(
      installation.acks.map(({ kind }) => kind),
      ['result', 'completion', 'result', 'completion'],
    );
  });

  it('gives the action its context', async () => {
    await installation.putAction(
      'context',
      `function main(args) {
        const { __OW_NAMESPACE, __OW_ACTION_NAME, __OW_ACTION_VERSION, __OW_API_KEY, __OW_API_HOST, SECRET } = process.env;
        return { args, __OW_NAMESPACE, __OW_ACTION_NAME, __OW_ACTION_VERSION, __OW_API_KEY, __OW_API_HOST, SECRET };
      }`,
    );
    const record = await installation.invoke('context', { content: { SECRET: 'env', a: 1 }, initArgs: ['SECRET'] });
    assert.deepEqual(record?.response.result, {
      args: { a: 1 },
      __OW_NAMESPACE: 'guest',
      __OW_ACTION_NAME: '/guest/context',
      __OW_ACTION_VERSION: '0.0.1',
      __OW_API_KEY: 'uuid:key',
      __OW_API_HOST: 'http://localhost:1',
      SECRET: 'env',
    });
  });

  it('ends an action that outlasts its time limit', async () => {
    await installation.putAction('slow', 'function main() { return new Promise(() => {}); }', {
      limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 1 },
    });
    const record = await installation.invoke('slow');
    assert.deepEqual(record?.response, {
      statusCode: 2,
      result: { error: 'The action exceeded its time limits of 1000 milliseconds.' },
    });
  });

  it('records an action that exits', async () => {
    await installation.putAction('exits', 'function main() { console.log("bye"); process.exit(1); }');
    const record = await installation.invoke('exits');
    assert.deepEqual(record?.response, {
      statusCode: 2,
      result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
    });
    assert.match(record?.logs[0] ?? '', /stdout: bye$/);
    assert.match(record?.logs[1] ?? '', /stderr: The action did not initialize or run as expected/);
  });

  it('records an action that is not there, and one that is not to be run', async () => {
    const missing = await installation.invoke('missing');
    assert.deepEqual(missing?.response, {
      statusCode: 1,
      result: { error: 'Action could not be found or may have been deleted.' },
    });
    assert.deepEqual(
      missing?.annotations.map(({ key, value }) => [key, value]),
      [
        ['path', 'guest/missing'],
        ['kind', 'unknown'],
      ],
    );
    await installation.putAction('strange', '', { exec: { kind: 'cobol:85', code: '', binary: false } });
    assert.deepEqual((await installation.invoke('strange'))?.response, {
      statusCode: 3,
      result: { error: 'Action version is not compatible and cannot be invoked.' },
    });
    await installation.putAction('large', '', { limits: { timeout: 1000, memory: 1024, logs: 1, concurrency: 1 } });
    assert.deepEqual((await installation.invoke('large'))?.response, {
      statusCode: 1,
      result: { error: 'memory size 1024 MB exceeds allowed threshold of 512 MB' },
    });
  });

  it('says that it lives, and twice that it does not want work', async () => {
    assert.deepEqual(
      installation.pings.map(({ isEnabled }) => isEnabled),
      [true],
    );
    assert.equal(await installation.invoker.disable(), 'invoker0/test is now disabled.');
    assert.equal(installation.invoker.isEnabled, false);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      installation.pings.map(({ isEnabled }) => isEnabled),
      [true, false, false],
    );
    assert.equal(installation.invoker.enable(), 'invoker0/test is now enabled.');
    assert.equal(installation.invoker.enable(), 'invoker0/test is already enabled.');
  });
});
