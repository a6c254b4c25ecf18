import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AcceptedRuns } from '../../../../controller/invocation/AcceptedRuns.js';
import { answeredFolder, recoverAnswered } from '../../../../deploy/standalone/answered.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { checkAccepted } from '../../../../shared/store/embedded/dataFolder.js';
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

  it('are recorded although the log of a thread is damaged, which is told, also by a check', async () => {
    const log = new EntryLog(answeredFolder(folder, 0), { durability: 'process' });
    const runs = new AcceptedRuns(log.table('runs'));
    for (const id of ['first', 'second', 'third']) await runs.answered(record(id));
    await log.close();
    const [name = ''] = readdirSync(answeredFolder(folder, 0));
    const path = join(answeredFolder(folder, 0), name);
    const bytes = readFileSync(path);
    bytes.write('damage', bytes.indexOf('second'));
    writeFileSync(path, bytes);
    assert.throws(() => checkAccepted(folder), /damaged bytes/);
    const errors: string[] = [];
    await recoverAnswered(folder, activations, 3, { ...silentLogger, error: (message) => errors.push(message) });
    assert.deepEqual(stored.toSorted(), ['first', 'third']);
    assert.match(errors.join(), /has \d+ damaged bytes/);
  });

  it('are none in a folder without threads', async () => {
    await recoverAnswered(folder, activations, 3, silentLogger);
    assert.deepEqual(stored, []);
  });
});
