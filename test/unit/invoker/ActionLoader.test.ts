import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ActionLoader } from '../../../invoker/ActionLoader.js';
import { InvokerStopsError, StoreWaits } from '../../../invoker/pool/StoreWaits.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import { StatusCode } from '../../../shared/entities/activation.js';
import type { Action } from '../../../shared/entities/documents.js';
import { LargeCode } from '../../../shared/entities/LargeCode.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import {
  StoreError,
  StoreUnavailableError,
  type ArtifactStore,
  type StoredDocument,
} from '../../../shared/store/ArtifactStore.js';
import { CachedEntityStore } from '../../../shared/store/CachedEntityStore.js';
import { CorruptedEntityError, WrongEntityTypeError } from '../../../shared/store/EntityStore.js';
import { until } from '../../suites/messaging.js';
import { action, message } from './pool/setup.js';

const runtimes = parseManifest({
  runtimes: {
    nodejs: [{ kind: 'nodejs:20', default: true, image: { prefix: 'openwhisk', name: 'action-nodejs-v20', tag: '1' } }],
    silent: [{ kind: 'silent:1', default: true, image: { name: 'silent' }, sentinelledLogs: false }],
  },
  blackboxes: [{ prefix: 'openwhisk', name: 'dockerskeleton' }],
});

class Fixture {
  readonly asked: [string, string | null | undefined][] = [];
  found: () => Action | undefined = () => action();
  /** Missing: what is found. */
  read: (() => Promise<Action | undefined>) | undefined;
  readonly storeWait = { limitMs: 60_000, leastMs: 0, mostMs: 2_000_000, pauseMs: [1, 1] as const };
  readonly waits = new StoreWaits(this.storeWait);
  readonly source = new ActionLoader({
    waits: this.waits,
    entities: {
      getActionWithCode: async (id, revision) => {
        this.asked.push([id, revision]);
        return this.read?.() ?? this.found();
      },
    },
    runtimes,
    limits: DEFAULT_LIMITS,
    log: silentLogger,
  });

  async failure(over: Partial<ActivationMessage> = {}): Promise<unknown> {
    const fetched = await this.source.fetch(message(over));
    return fetched.kind === 'none' ? [fetched.response.statusCode, fetched.response.result] : fetched;
  }
}

describe('ActionLoader', () => {
  it('reads large code on request, and the newest code if the code of the revision is gone', async () => {
    const f = new Fixture();
    const of = (code: Action['exec']['code']): Action => action({ exec: { kind: 'nodejs:20', code, binary: false } });
    let there = true;
    let reads = 0;
    f.found = () =>
      of(
        new LargeCode(3, async () => {
          reads++;
          return there ? Buffer.from('old') : undefined;
        }),
      );
    const fetched = await f.source.fetch(message());
    assert.ok(fetched.kind === 'action' && fetched.action.code instanceof LargeCode);
    assert.equal(reads, 0);
    const { code } = fetched.action;
    assert.equal(Buffer.from((await code.read()) ?? []).toString(), 'old');
    there = false;
    f.found = () => of('new');
    assert.equal(Buffer.from((await code.read()) ?? []).toString(), 'new');
    f.found = () => action({ exec: { kind: 'python:3', code: 'new', binary: false } });
    assert.equal(await code.read(), undefined);
  });

  it('asks for the revision of the message, and works an action out once', async () => {
    const f = new Fixture();
    const stored = action();
    f.found = () => stored;
    const sent = message({ action: { path: 'guest/pkg', name: 'a' }, revision: null });
    const first = await f.source.fetch(sent);
    const second = await f.source.fetch(message());
    assert.deepEqual(f.asked, [
      ['guest/pkg/a', null],
      ['guest/hello', '1-a'],
    ]);
    assert.ok(first.kind === 'action' && second.kind === 'action');
    assert.equal(first.action, second.action);
    assert.deepEqual(first.action.image, {
      kind: 'nodejs:20',
      reference: 'openwhisk/action-nodejs-v20:1',
      pull: false,
    });
    assert.equal(first.action.sentinelled, true);
  });

  it("pulls a user's image, but not the installation's own", async () => {
    const f = new Fixture();
    const imageOf = async (image: string): Promise<unknown> => {
      f.found = () => action({ exec: { kind: 'blackbox', image } });
      const fetched = await f.source.fetch(message());
      return fetched.kind === 'action' && [fetched.action.image, fetched.action.sentinelled];
    };
    assert.deepEqual(await imageOf('me/mine:1'), [{ kind: 'blackbox', reference: 'me/mine:1', pull: true }, false]);
    assert.deepEqual(await imageOf('openwhisk/dockerskeleton'), [
      { kind: 'blackbox', reference: 'openwhisk/dockerskeleton', pull: false },
      true,
    ]);
    f.found = () => action({ exec: { kind: 'silent:1', code: '' } });
    const silent = await f.source.fetch(message());
    assert.equal(silent.kind === 'action' && silent.action.sentinelled, false);
  });

  it('says why there is nothing to run, and takes only a store that does not answer for its own fault', async () => {
    const f = new Fixture();
    const failing = (error: Error) => () => {
      throw error;
    };
    const cases: [() => Action | undefined, number, string][] = [
      [() => undefined, 1, 'Action could not be found or may have been deleted.'],
      [
        failing(new WrongEntityTypeError('guest/hello', 'action')),
        1,
        'Action version is not compatible and cannot be invoked. Its name now stands for another kind of entity.',
      ],
      [
        () => action({ exec: { kind: 'sequence', components: [] } }),
        1,
        'Action version is not compatible and cannot be invoked. It has become a sequence.',
      ],
      [
        () => action({ exec: { kind: 'unknown:1', code: '' } }),
        2,
        "Action version is not compatible and cannot be invoked. This platform has no runtime for its kind 'unknown:1'.",
      ],
      [
        () => action({ exec: { kind: 'blackbox' } }),
        2,
        'Action version is not compatible and cannot be invoked. It names no image.',
      ],
      [
        failing(new CorruptedEntityError('guest/hello', 'limits.memory: expected number')),
        2,
        'Action could not be fetched. Its document is damaged: limits.memory: expected number',
      ],
      [failing(new StoreError('away')), 3, 'Action could not be fetched.'],
    ];
    for (const [found, statusCode, error] of cases) {
      f.found = found;
      assert.deepEqual(await f.failure(), [statusCode, { error }]);
    }
  });

  /** Fails as often as told, and then returns. */
  const away = <R>(times: number, result: R) => {
    let failures = 0;
    return (): R => {
      if (failures++ < times) throw new StoreUnavailableError('away');
      return result;
    };
  };

  it('waits for a store that does not answer, also with the code of an accepted activation, within a limit', async () => {
    const f = new Fixture();
    const code = new LargeCode(3, async () => read());
    const read = away(2, Buffer.from('big'));
    f.found = away(3, action({ exec: { kind: 'nodejs:20', code, binary: false } }));
    const fetched = await f.source.fetch(message());
    assert.ok(fetched.kind === 'action' && fetched.action.code instanceof LargeCode);
    assert.equal(f.asked.length, 4);
    assert.equal(Buffer.from((await fetched.action.code.read()) ?? []).toString(), 'big');

    f.storeWait.limitMs = 0;
    f.found = away(2, action());
    assert.deepEqual(await f.failure(), [3, { error: 'Action could not be fetched.' }]);
  });

  it('leaves the activations that wait for the store when the invoker stops', async () => {
    const f = new Fixture();
    f.found = away(Number.POSITIVE_INFINITY, undefined);
    const fetching = f.source.fetch(message());
    await until(() => f.asked.length > 1);
    f.waits.stop();
    assert.deepEqual(await fetching, { kind: 'left' });
    assert.deepEqual(await f.source.fetch(message()), { kind: 'left' }, 'also one that comes later');

    f.waits.start();
    f.found = () => action();
    assert.equal((await f.source.fetch(message())).kind, 'action');
  });

  it('ends each wait for large code when the invoker stops, also for a read without an answer', async () => {
    const f = new Fixture();
    const never = new LargeCode(3, () => new Promise(() => {}));
    f.found = () => action({ exec: { kind: 'nodejs:20', code: never, binary: false } });
    const fetched = await f.source.fetch(message());
    assert.ok(fetched.kind === 'action' && fetched.action.code instanceof LargeCode);
    const reading = assert.rejects(fetched.action.code.read(), InvokerStopsError);
    f.waits.stop();
    await reading;
    await assert.rejects(fetched.action.code.read(), InvokerStopsError);
  });

  it('bounds the whole wait of an activation for the store, whose requests may have no answers', async () => {
    const f = new Fixture();
    f.storeWait.limitMs = 20;
    f.read = () => new Promise(() => {});
    assert.deepEqual(await f.failure(), [3, { error: 'Action could not be fetched.' }]);

    f.read = undefined;
    f.storeWait.limitMs = 1_000_000;
    const never = new LargeCode(3, () => new Promise(() => {}));
    f.found = () => action({ exec: { kind: 'nodejs:20', code: never, binary: false } });
    const fetched = await f.source.fetch(message());
    assert.ok(fetched.kind === 'action' && fetched.action.code instanceof LargeCode);
    assert.ok(fetched.waitedMs < 60_000);
    await assert.rejects(fetched.action.code.read(999_980), /did not answer within 0\.02 s/);
    f.storeWait.leastMs = 30;
    await assert.rejects(
      fetched.action.code.read(999_999),
      /did not answer within 0\.03 s/,
      'each read gets some time',
    );
    f.storeWait.mostMs = 1_000_000;
    await assert.rejects(
      fetched.action.code.read(999_999),
      /did not answer within 0\.001 s/,
      'but not beyond what the controller waits',
    );
    await assert.rejects(fetched.action.code.read(1_000_000), /did not answer within 0 s/);
  });

  it('never counts a fault of a stored document as its own', async () => {
    const damaged = { ...action(), entityType: 'action' };
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.string({ minLength: 300, maxLength: 600 }),
      fc.constantFrom('sequence', 'blackbox', '__proto__', 'constructor', { attachmentName: 'couch:gone' }),
    );
    const fields =
      'namespace name version annotations parameters limits exec updated entityType exec.kind exec.code exec.image ' +
      'exec.main exec.binary exec.components limits.memory limits.timeout limits.logs limits.concurrency';
    const field = fc.constantFrom(...fields.split(' '));
    await fc.assert(
      fc.asyncProperty(field, anything, async (path, value) => {
        const document = structuredClone(damaged) as unknown as StoredDocument & Record<string, unknown>;
        const [outer = '', inner] = path.split('.');
        if (inner === undefined) document[outer] = value;
        else (document[outer] as Record<string, unknown>)[inner] = value;
        const store = {
          get: async () => document,
          readAttachment: async () => undefined,
        } as unknown as ArtifactStore;
        const entities = new CachedEntityStore(store, { missingCodeDelayMs: 0 });
        const loader = new ActionLoader({
          entities,
          runtimes,
          limits: DEFAULT_LIMITS,
          waits: new StoreWaits(),
          log: silentLogger,
        });
        const fetched = await loader.fetch(message());
        if (fetched.kind !== 'none') return;
        assert.notEqual(fetched.response.statusCode, StatusCode.whiskError);
        assert.ok(JSON.stringify(fetched.response.result).length < 600);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses an action that is over the limits that hold now', async () => {
    const f = new Fixture();
    f.found = () => action({ limits: { timeout: 400_000, memory: 256, logs: 10, concurrency: 1 } });
    assert.deepEqual(await f.failure(), [
      1,
      { error: 'duration 400000 milliseconds exceeds allowed threshold of 300000 milliseconds' },
    ]);
    f.found = () => action({ limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 5 } });
    assert.deepEqual(await f.failure(), [1, { error: 'concurrency 5 exceeds allowed threshold of 1' }]);
    f.found = () => action();
    const user = { ...message().user, limits: { maxActionMemory: 128 } };
    assert.deepEqual(await f.failure({ user }), [
      1,
      { error: 'memory size 256 MB exceeds allowed threshold of 128 MB' },
    ]);
    const quiet = { ...message().user, limits: { maxActionLogs: 5 } };
    assert.deepEqual(await f.failure({ user: quiet }), [
      1,
      { error: 'log size 10 MB exceeds allowed threshold of 5 MB' },
    ]);
  });
});
