import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError, parseOptions, type StandaloneOptions } from '../../../../deploy/standalone/options.js';
import { InvokerThread } from '../../../../deploy/standalone/InvokerThread.js';
import { BUILT_BY_HAND } from '../../../../invoker/containers/docker/LocalImages.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { MergedRegistry } from '../../../../shared/metrics/MergedRegistry.js';
import { BatchingActivationStore } from '../../../../shared/store/BatchingActivationStore.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../../shared/store/embedded/open.js';

const CALLS = new URL('../../../../shared/threads/Calls.js', import.meta.url).href;
const OPTIONS = new URL('../../../../deploy/standalone/options.js', import.meta.url).href;

describe('the thread of an invoker', () => {
  let folder: string;
  let stores: EmbeddedStores;
  let registry: MergedRegistry;
  let deaths: Error[];
  let disk: string[];
  let onAnswer: () => void;
  let died: Promise<void>;
  let onDeath: (error: Error) => void;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-thread-'));
    stores = await openTemporaryStores();
    registry = new MergedRegistry();
    deaths = [];
    disk = [];
    died = new Promise((resolve) => {
      onDeath = (error) => {
        deaths.push(error);
        resolve();
      };
    });
  });
  afterEach(async () => {
    await stores.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Starts a thread that serves these functions, in JavaScript. */
  async function started(services: string, stopMs?: number): Promise<InvokerThread> {
    const file = join(folder, 'worker.mjs');
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads';
       import { Calls } from ${JSON.stringify(CALLS)};
       import { UsageError } from ${JSON.stringify(OPTIONS)};
       const calls = new Calls(parentPort);
       calls.serve({ start: () => {}, stop: () => {}, metrics: () => [], ${services} });`,
    );
    const options = parseOptions(['--threads']) as StandaloneOptions;
    const messaging = new EmbeddedMessaging();
    return InvokerThread.start({
      config: { instance: 3, options, dataFolder: folder, driver: 'process', apiHost: '', objectsSecret: '' },
      platform: {
        log: silentLogger,
        messaging,
        topics: topics(),
        stores,
        activations: new BatchingActivationStore(stores.activations),
      },
      registry,
      homesOfObjects: () => Promise.reject(new Error('unused')),
      invokersOfObjects: () => Promise.reject(new Error('unused')),
      images: BUILT_BY_HAND,
      onActivation: undefined,
      onLine: undefined,
      disk: {
        writeFailed: ({ message }) => disk.push(message),
        hangs: (thread, stuck) => {
          disk.push(`${thread} ${stuck ? 'hangs' : 'answers'}`);
          if (!stuck) onAnswer();
        },
      },
      onDeath: (error) => onDeath(error),
      file: pathToFileURL(file),
      stopMs,
    });
  }

  it('passes on that the disk refuses its writes or does not answer, and that it answers again', async () => {
    const answers = new Promise<void>((resolve) => (onAnswer = resolve));
    const thread = await started(`start: () => {
      const main = calls.to();
      main.tell('diskStuck', true);
      main.tell('writeFailed', 'the disk did not confirm a write');
      main.tell('diskStuck', false);
    }`);
    await answers;
    assert.deepEqual(disk, ['invoker3 hangs', 'invoker3: the disk did not confirm a write', 'invoker3 answers']);
    await thread.stop();
  });

  it('passes on why its invoker does not start', async () => {
    await assert.rejects(
      started(`start: () => { throw new UsageError('no container can be made'); }`),
      (error) => error instanceof UsageError && error.message === 'no container can be made',
    );
    assert.deepEqual(deaths, []);
  });

  it('passes on the error of a thread that ends while it starts', async () => {
    await assert.rejects(
      started(`start: () => new Promise(() => setTimeout(() => { throw new RangeError('out of range'); }))`),
      /the thread of invoker3 ended: RangeError: out of range/,
    );
    assert.deepEqual(deaths, []);
  });

  it('tells the reason if it dies while it runs', async () => {
    await started(`start: () => void setTimeout(() => { throw new RangeError('out of range'); }, 50)`);
    await died;
    assert.match(deaths[0]?.message ?? '', /^the thread of invoker3 ended: RangeError: out of range/);
  });

  it('tells no death after a stop, and is not asked for metrics any more', async () => {
    const thread = await started(
      `metrics: () => [{ name: 'x', help: 'h', type: 'gauge', aggregator: 'sum', values: [{ value: 7, labels: {} }] }]`,
    );
    assert.match(await registry.metrics(), /^x 7$/m);
    await thread.stop();
    assert.deepEqual(deaths, []);
    assert.doesNotMatch(await registry.metrics(), /^x 7$/m);
  });

  it('ends a thread that loops, after the limit for its stop', async () => {
    const thread = await started(`stop: () => { for (;;); }`, 50);
    await assert.rejects(thread.stop(), /the thread of invoker3 did not stop within 50 ms/);
    assert.deepEqual(deaths, []);
  });

  it('stops a thread whose invoker fails to stop', async () => {
    const thread = await started(`stop: () => { throw new Error('stuck'); }`);
    await assert.rejects(thread.stop(), /stuck/);
    assert.deepEqual(deaths, []);
  });
});
