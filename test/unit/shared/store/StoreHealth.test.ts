import assert from 'node:assert/strict';
import { silentLogger, type Logger } from '../../../../shared/logging/Logger.js';
import { DocumentConflictError, StoreUnavailableError } from '../../../../shared/store/ArtifactStore.js';
import { StoreHealth } from '../../../../shared/store/StoreHealth.js';

describe('StoreHealth', () => {
  it('says once that the store is unavailable, and for how long it was', async () => {
    const lines: string[] = [];
    const keep = (message: string): void => void lines.push(message);
    const log: Logger = { ...silentLogger, info: keep, warn: keep };
    let clock = 0;
    const health = new StoreHealth(log, () => clock);
    assert.equal(await health.watch(Promise.resolve(1)), 1);
    clock = 1000;
    const away = (): Promise<never> => health.watch(Promise.reject(new StoreUnavailableError('connection refused')));
    await assert.rejects(away(), StoreUnavailableError);
    await assert.rejects(away(), StoreUnavailableError);
    assert.equal(health.isUp, false);
    assert.equal(health.ageMs, 1000);
    clock = 13_500;
    // An answer, although not the one that was hoped for.
    await assert.rejects(health.watch(Promise.reject(new DocumentConflictError('x'))), DocumentConflictError);
    assert.equal(health.isUp, true);
    assert.equal(health.ageMs, 0);
    assert.deepEqual(lines, [
      'the store does not answer: cached identities and entities are used, other requests get 503',
      'the store answers again after 12.5 s',
    ]);
  });
});
