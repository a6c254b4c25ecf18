import assert from 'node:assert/strict';
import { ActionLoader } from '../../../invoker/ActionLoader.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { Action } from '../../../shared/entities/documents.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import { StoreError } from '../../../shared/store/ArtifactStore.js';
import { WrongEntityTypeError } from '../../../shared/store/EntityStore.js';
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
  readonly source = new ActionLoader({
    entities: {
      getActionWithCode: async (id, revision) => {
        this.asked.push([id, revision]);
        return this.found();
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

  it('says why there is nothing to run', async () => {
    const f = new Fixture();
    f.found = () => undefined;
    assert.deepEqual(await f.failure(), [1, { error: 'Action could not be found or may have been deleted.' }]);
    f.found = () => {
      throw new WrongEntityTypeError('guest/hello', 'action');
    };
    assert.deepEqual(await f.failure(), [3, { error: 'Action version is not compatible and cannot be invoked.' }]);
    f.found = () => {
      throw new StoreError('away');
    };
    assert.deepEqual(await f.failure(), [3, { error: 'Action could not be fetched.' }]);
    f.found = () => action({ exec: { kind: 'unknown:1', code: '' } });
    assert.deepEqual(await f.failure(), [3, { error: 'Action version is not compatible and cannot be invoked.' }]);
    f.found = () => action({ exec: { kind: 'sequence', components: [] } });
    assert.deepEqual(await f.failure(), [3, { error: 'Action could not be fetched.' }]);
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
