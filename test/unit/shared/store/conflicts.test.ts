import assert from 'node:assert/strict';
import { DocumentConflictError } from '../../../../shared/store/ArtifactStore.js';
import { retryConflicts } from '../../../../shared/store/conflicts.js';

describe('retryConflicts', () => {
  it('changes a document again after each conflict', async () => {
    const before: number[] = [];
    const result = await retryConflicts(3, async (conflicts) => {
      before.push(conflicts);
      if (conflicts < 2) throw new DocumentConflictError('id');
      return Promise.resolve('written');
    });
    assert.equal(result, 'written');
    assert.deepEqual(before, [0, 1, 2]);
  });

  it('gives up after so many conflicts, and at once after another error', async () => {
    let tries = 0;
    const failing = (error: Error): (() => Promise<never>) => {
      tries = 0;
      return () => {
        tries++;
        return Promise.reject(error);
      };
    };
    await assert.rejects(retryConflicts(3, failing(new DocumentConflictError('id'))), DocumentConflictError);
    assert.equal(tries, 3);
    await assert.rejects(retryConflicts(3, failing(new Error('away'))), /away/);
    assert.equal(tries, 1);
  });
});
