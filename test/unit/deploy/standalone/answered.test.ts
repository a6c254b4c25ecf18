import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AcceptedRuns } from '../../../../controller/invocation/AcceptedRuns.js';
import { answeredFolder, recoverAnswered } from '../../../../deploy/standalone/answered.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { EntryLog } from '../../../../shared/store/embedded/EntryLog.js';

const record = (activationId: string): ActivationRecord => ({
  activationId,
  namespace: 'guest',
  name: 'hello',
  version: '0.0.1',
  subject: 'guest',
  publish: false,
  start: 1,
  end: 2,
  duration: 1,
  response: { statusCode: 0, result: {} },
  logs: [],
  annotations: [],
});

describe('the results that threads answered', () => {
  let folder: string;
  const stored: string[] = [];
  const activations = { store: async ({ activationId }: ActivationRecord) => void stored.push(activationId) };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-answered-'));
    stored.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are recorded by the next run, those of each thread once', async () => {
    for (const instance of [0, 1]) {
      const log = new EntryLog(answeredFolder(folder, instance), { durability: 'process' });
      const runs = new AcceptedRuns(log.table('runs'));
      await runs.answered(record(`left${instance}`));
      await runs.answered(record(`stored${instance}`));
      runs.completed(`stored${instance}`);
      await log.close();
    }
    await recoverAnswered(folder, activations, 3, silentLogger);
    assert.deepEqual(stored.toSorted(), ['left0', 'left1']);
    await recoverAnswered(folder, activations, 3, silentLogger);
    assert.equal(stored.length, 2);
  });

  it('are none in a folder without threads', async () => {
    await recoverAnswered(folder, activations, 3, silentLogger);
    assert.deepEqual(stored, []);
  });
});
