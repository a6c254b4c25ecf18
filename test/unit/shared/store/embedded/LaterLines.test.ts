import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../../e2e/eventually.js';
import type { KeptEntries } from '../../../../../shared/store/KeptEntries.js';
import { EntryLog } from '../../../../../shared/store/embedded/EntryLog.js';

const SMALL = { segmentBytes: 1000, maxSegments: 3 };

describe('EntryLog, removing an entry later', () => {
  let folder: string;
  const keysAfterAKill = (): string[] => new EntryLog(folder).table('t').keys();
  let log: EntryLog;
  let table: KeptEntries;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'entry-log-'));
    log = new EntryLog(folder, { durability: 'process' });
    table = log.table('t');
    await table.put('a', 'x');
    table.remove('a', 'later');
    assert.deepEqual(table.keys(), []);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('with the next line, of any kind', async () => {
    assert.deepEqual(keysAfterAKill(), ['a']);
    await table.put('b', 'x');
    assert.deepEqual(table.list(), [{ key: 'b', value: 'x' }]);
    assert.deepEqual(keysAfterAKill(), ['b']);
    table.remove('b', 'later');
    await table.put('b', 'again');
    assert.deepEqual(table.list(), [{ key: 'b', value: 'again' }]);
    assert.deepEqual(keysAfterAKill(), ['b']);
  });

  it('without another line, too, after some time', async () => {
    const end = performance.now() + 5000;
    while (keysAfterAKill().length > 0 && performance.now() < end) await sleep(20);
    assert.deepEqual(keysAfterAKill(), []);
  });

  it('at the close', async () => {
    await log.close();
    assert.deepEqual(keysAfterAKill(), []);
  });

  it('in the end, after a write that failed', async () => {
    const own = join(folder, 'own');
    const away = join(folder, 'away');
    const failures: Error[] = [];
    const options = { ...SMALL, durability: 'process', onFailure: (error: Error) => failures.push(error) } as const;
    const failing = new EntryLog(own, options);
    const entries = failing.table('t');
    for (let i = 0; i < 8; i++) await entries.put(`k${i}`, 'x'.repeat(105));
    renameSync(own, away);
    // These lines need a new file.
    for (let i = 0; i < 3; i++) entries.remove(`k${i}`, 'later');
    await eventually(() => assert.ok(failures.length > 0), 10_000);
    renameSync(away, own);
    await eventually(() => {
      const killed = mkdtempSync(join(folder, 'killed-'));
      cpSync(own, killed, { recursive: true });
      assert.deepEqual(new EntryLog(killed, SMALL).table('t').keys(), ['k3', 'k4', 'k5', 'k6', 'k7']);
    }, 10_000);
    await failing.close();
  });

  it('at once, if many wait', async () => {
    for (let i = 0; i < 300; i++) await table.put(`k${i}`, 'x');
    for (let i = 0; i < 300; i++) table.remove(`k${i}`, 'later');
    assert.ok(keysAfterAKill().length < 50);
  });

  it('also in the file after its own', async () => {
    const small = new EntryLog(mkdtempSync(join(folder, 's-')), SMALL).table('t');
    for (let i = 0; i < 100; i++) {
      await small.put(`k${i}`, 'x'.repeat(100));
      small.remove(`k${i}`, 'later');
    }
    await small.put('last', 'x'.repeat(900));
    assert.deepEqual(small.list(), [{ key: 'last', value: 'x'.repeat(900) }]);
  });
});
