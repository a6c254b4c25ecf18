import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ControllerProcess, type ControllerProcessParts } from '../../../../deploy/standalone/ControllerProcess.js';
import { parseOptions, type StandaloneOptions } from '../../../../deploy/standalone/options.js';
import { operatorPolicy } from '../../../../shared/access/operators.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { MergedRegistry } from '../../../../shared/metrics/MergedRegistry.js';
import { BatchingActivationStore } from '../../../../shared/store/BatchingActivationStore.js';
import { eventually } from '../../../e2e/eventually.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../shared/store/embedded/open.js';

type Limits = Pick<ControllerProcessParts, 'startMs' | 'lookMs' | 'closeMs'>;

describe('the process of a controller', () => {
  let stores: EmbeddedStores;
  let messaging: EmbeddedMessaging;
  let onDeath: (error: Error) => void;
  let pid: number;

  before(function () {
    if (process.platform !== 'linux') this.skip();
  });
  beforeEach(async () => {
    stores = await openTemporaryStores();
    messaging = new EmbeddedMessaging();
    onDeath = (error) => assert.fail(error);
  });
  afterEach(async () => {
    await messaging.close();
    await stores.close();
  });

  async function started(limits: Limits): Promise<ControllerProcess> {
    const before = children();
    const starting = start(limits);
    // The process is there at once.
    pid = children().find((child) => !before.includes(child)) ?? assert.fail('no process has started');
    return starting;
  }

  function start(limits: Limits): Promise<ControllerProcess> {
    return ControllerProcess.start({
      config: {
        instance: 1,
        options: parseOptions(['--controllers', '2', '--no-catalog']) as StandaloneOptions,
        containers: 'process',
        operator: operatorPolicy(),
        objectsSecret: 'secret',
      },
      platform: {
        log: silentLogger,
        messaging,
        topics: topics(),
        stores,
        activations: new BatchingActivationStore(stores.activations),
      },
      registry: new MergedRegistry(),
      work: { accepted: () => Promise.resolve(), ended: () => undefined, answered: () => Promise.resolve() },
      unavailable: () => Promise.resolve(undefined),
      setAllInService: () => Promise.resolve(),
      refuses: () => false,
      activity: {},
      onDeath: (error) => onDeath(error),
      ...limits,
    });
  }

  it('names all invokers that share objects', async () => {
    const controller = await started({});
    const bus = await messaging.producer();
    const ping = { name: invokerInstance(3, 'host', 256), isEnabled: true, objects: 'http://host:1' };
    await bus.send(topics().health, ping);
    const up = [{ instance: 3, url: 'http://host:1' }];
    await eventually(async () => assert.deepEqual(await controller.invokers(), { up, away: [] }));
    await controller.close();
  });

  it('is killed when its controller does not start', async () => {
    const starting = started({ startMs: 500 });
    process.kill(pid, 'SIGSTOP');
    await assert.rejects(starting, /^Error: controller1 did not start within 0.5 s$/);
    await eventually(async () => assert.ok(!children().includes(pid)));
  });

  it('is killed when it has not answered 30 looks, and its server is told so', async () => {
    const died = new Promise<Error>((resolve) => (onDeath = resolve));
    const controller = await started({ lookMs: 200 });
    assert.equal(controller.answers, true);
    process.kill(pid, 'SIGSTOP');
    const { message } = await died;
    assert.equal(message, 'the process of controller1 ended: it did not answer for 6 s');
    assert.equal(controller.answers, false);
  });

  it('is killed when it does not leave the bus, and its server goes on with its stop', async () => {
    const controller = await started({ closeMs: 100 });
    process.kill(pid, 'SIGSTOP');
    await assert.rejects(controller.close(), /controller1 did not leave the bus within 100 ms/);
    await eventually(async () => assert.ok(!children().includes(pid)));
  });
});

/** The processes of controllers that this process has started. */
function children(): number[] {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('controllerChild')).map(Number);
}
