import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { StoreUnavailableError } from '../../../../../shared/store/ArtifactStore.js';
import type { KeptEntries } from '../../../../../shared/store/KeptEntries.js';
import { EntryLog, type EntryLogOptions } from '../../../../../shared/store/embedded/EntryLog.js';

const SMALL: EntryLogOptions = { segmentBytes: 1000, maxSegments: 3 };

describe('EntryLog', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'entry-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const segments = (): string[] => readdirSync(folder).filter((name) => /^\d/.test(name));

  it('has after a kill the entries that were put and not removed, in the order of the keys', async () => {
    const log = new EntryLog(folder);
    const [messages, runs] = [log.table('messages'), log.table('runs')];
    await Promise.all([
      messages.put('b', '2'),
      messages.put('a', 'ä\n1'),
      messages.put('c', '3'),
      runs.put('a', 'run'),
    ]);
    messages.remove('c');
    await messages.put('b', '2 again');
    // The first one was never closed.
    const next = new EntryLog(folder);
    const expected = [
      { key: 'a', value: 'ä\n1' },
      { key: 'b', value: '2 again' },
    ];
    assert.deepEqual(next.table('messages').list(), expected);
    assert.deepEqual(messages.list(), expected);
    assert.deepEqual(next.table('messages').list('b'), expected.slice(1));
    assert.deepEqual(next.table('messages').keys(), ['a', 'b']);
    assert.deepEqual(next.table('runs').keys(), ['a']);
  });

  it('ends at a line that was cut off', async () => {
    await new EntryLog(folder, SMALL).table('t').put('whole', 'x');
    const [name = ''] = segments();
    const path = join(folder, name);
    const content = readFileSync(path);
    const end = content.lastIndexOf('x') + 1;
    // What a write leaves that did not come to its end.
    content.copy(content, end, 0, end - 4);
    writeFileSync(path, content);
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').keys(), ['whole']);
  });

  it('loses no entry but that of a damaged line, and says that it is damaged', async () => {
    const table = new EntryLog(folder).table('t');
    for (let n = 0; n < 30; n++) await table.put(`k${n}`, `value ${n}\u0001\u0002`);
    table.remove('k3');
    const [name = ''] = segments();
    const path = join(folder, name);
    const content = readFileSync(path);
    const lengthOf = (at: number): number => 8 + content.readUInt32BE(at);
    const starts = [0];
    while (starts.length < 31) starts.push((starts.at(-1) ?? 0) + lengthOf(starts.at(-1) ?? 0));
    const kept = table.keys();
    const openDamaged = (damage: (bytes: Buffer) => void): { keys: string[]; said: number[] } => {
      const own = mkdtempSync(join(folder, 'd-'));
      const bytes = Buffer.from(content);
      damage(bytes);
      writeFileSync(join(own, name), bytes);
      const said: number[] = [];
      return { keys: new EntryLog(own, { onDamage: ({ bytes }) => said.push(bytes) }).table('t').keys(), said };
    };
    assert.deepEqual(
      openDamaged(() => {}),
      { keys: kept, said: [] },
    );
    const without = (...keys: string[]): string[] => kept.filter((key) => !keys.includes(key));
    for (const line of [0, 9, 29]) {
      const [at = 0, next = 0] = starts.slice(line);
      for (const damage of [
        // A changed value, a length that is too large, and zeros.
        (bytes: Buffer) => bytes.writeUInt8(255, next - 3),
        (bytes: Buffer) => bytes.writeUInt32BE(0x7fffffff, at),
        (bytes: Buffer) => bytes.fill(0, at, next),
      ]) {
        assert.deepEqual(openDamaged(damage), { keys: without(`k${line}`), said: [next - at] });
      }
    }
    // Nothing valid follows: that is where the earlier run ended.
    const end = starts[20] ?? 0;
    assert.deepEqual(openDamaged((bytes) => bytes.fill(255, end + 10)).said, []);
  });

  it('uses a spare only if it has its full size', async () => {
    writeFileSync(join(folder, 'spare.1'), 'x');
    await new EntryLog(folder, SMALL).table('t').put('k', 'v');
    assert.deepEqual(readdirSync(folder), segments());
    assert.equal(readFileSync(join(folder, segments()[0] ?? '')).length, 1000);
  });

  it('uses files again without finding their old entries, and gives the others back', async () => {
    const log = new EntryLog(folder, SMALL);
    const table = log.table('t');
    for (let i = 0; i < 200; i++) {
      await table.put(`k${i}`, 'x'.repeat(100));
      table.remove(`k${i}`);
    }
    assert.ok(readdirSync(folder).length <= 4, readdirSync(folder).join());
    await table.put('last', '');
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').keys(), ['last']);
  });

  it('keeps an old entry without keeping all the files since', async () => {
    const log = new EntryLog(folder, SMALL);
    const table = log.table('t');
    await table.put('old', 'of long ago');
    for (let i = 0; i < 100; i++) {
      await table.put(`k${i}`, 'x'.repeat(100));
      table.remove(`k${i}`);
    }
    assert.ok(segments().length <= 4, segments().join());
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').list(), [{ key: 'old', value: 'of long ago' }]);
  });

  it('takes an entry larger than a file, and more entries than the files have room for', async () => {
    const log = new EntryLog(folder, SMALL);
    const table = log.table('t');
    await table.put('large', 'x'.repeat(5000));
    for (let i = 0; i < 30; i++) await table.put(`k${i}`, 'x'.repeat(300));
    const next = new EntryLog(folder, SMALL).table('t');
    assert.equal(next.list('large')[0]?.value.length, 5000);
    assert.equal(next.keys().length, 31);
    for (const key of table.keys()) table.remove(key);
    assert.equal(segments().length, 1);
  });

  it('refuses more than its bound, and takes more when entries have gone', async () => {
    const table = new EntryLog(folder, { ...SMALL, maxLiveBytes: 500 }).table('t');
    await table.put('a', 'x'.repeat(600));
    await assert.rejects(table.put('b', ''), StoreUnavailableError);
    table.remove('a');
    await table.put('b', '');
  });

  it('refuses entries that it cannot write, and continues when it can', async () => {
    const failures: string[] = [];
    const log = new EntryLog(folder, { ...SMALL, onFailure: ({ message }) => failures.push(message) });
    const table = log.table('t');
    await table.put('a', '1');
    rmSync(folder, { recursive: true });
    await assert.rejects(table.put('large', 'x'.repeat(2000)), StoreUnavailableError);
    assert.equal(failures.length, 1);
    await table.put('b', '2');
    assert.deepEqual(table.keys(), ['a', 'b']);
  });

  it('knows after each start what a map would know (property)', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key: fc.nat(9), size: fc.nat(400) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove'), key: fc.nat(9), size: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart'), key: fc.constant(0), size: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const own = mkdtempSync(join(folder, 'p-'));
        const known = new Map<string, string>();
        let table = new EntryLog(own, { ...SMALL, durability: 'process' }).table('t');
        for (const { kind, key, size } of steps) {
          if (kind === 'restart') table = new EntryLog(own, { ...SMALL, durability: 'process' }).table('t');
          else if (kind === 'remove') {
            known.delete(`k${key}`);
            table.remove(`k${key}`);
          } else {
            const value = `${size}`.repeat(size);
            known.set(`k${key}`, value);
            await table.put(`k${key}`, value);
          }
        }
        const expected = [...known]
          .map(([key, value]) => ({ key, value }))
          .toSorted((a, b) => (a.key < b.key ? -1 : 1));
        assert.deepEqual(table.list(), expected);
        assert.deepEqual(new EntryLog(own, SMALL).table('t').list(), expected);
      }),
      { numRuns: 100 },
    );
  });

  describe('asks the disk to flush', () => {
    /** A disk that says which file it flushed, and refuses while `refused` has a reason. */
    const disk = { flushed: [] as string[], refused: undefined as Error | undefined };
    const flush = (file: number): Promise<void> => {
      disk.flushed.push(readlinkSync(`/proc/self/fd/${file}`).split('/').at(-1) ?? '');
      return disk.refused ? Promise.reject(disk.refused) : Promise.resolve();
    };
    const flushedBy = async (work: () => Promise<unknown>): Promise<string[]> => {
      disk.flushed = [];
      await work();
      return disk.flushed.toSorted();
    };
    const first = '00000001.log';
    const second = '00000002.log';
    let table: KeptEntries;
    let own: string;
    beforeEach(() => {
      disk.refused = undefined;
      table = new EntryLog(folder, { ...SMALL, flush }).table('t');
      own = folder.split('/').at(-1) ?? '';
    });

    it('what was written since the last flush, and no other file', async () => {
      assert.deepEqual(await flushedBy(() => table.put('a', 'x')), [first, own]);
      assert.deepEqual(await flushedBy(() => table.put('b', 'x')), [first]);
      assert.deepEqual(await flushedBy(() => table.put('c', 'x'.repeat(960))), [second, own]);
      assert.deepEqual(await flushedBy(() => table.put('d', 'x')), [second]);
    });

    it('a full file of an earlier run, of which lines wait', async () => {
      await table.put('a', 'x');
      const both = (): Promise<unknown> => Promise.all([table.put('b', 'x'), table.put('c', 'x'.repeat(960))]);
      assert.deepEqual(await flushedBy(both), [first, second, own]);
    });

    it('an entry with the next one, if its writer does not wait for the disk', async () => {
      assert.deepEqual(await flushedBy(() => table.put('a', 'x', 'written')), []);
      // A later start knows it, also after a kill.
      assert.deepEqual(new EntryLog(folder, { ...SMALL, flush }).table('t').keys(), ['a']);
      assert.deepEqual(await flushedBy(() => table.put('b', 'x')), [first, own]);
    });

    it('at its close what was written without it', async () => {
      const log = new EntryLog(join(folder, 'own'), { ...SMALL, flush });
      await log.table('t').put('a', 'x', 'written');
      await log.table('t').put('b', 'x', 'written');
      log.table('t').remove('b', 'later');
      assert.deepEqual(await flushedBy(() => Promise.all([log.close(), log.close()])), [first, 'own']);
      const next = new EntryLog(join(folder, 'own'), { ...SMALL, flush });
      assert.deepEqual(next.table('t').keys(), ['a']);
      disk.refused = new Error('EIO');
      await assert.rejects(next.close(), { name: 'StoreError', message: /cannot be closed: EIO/ });
    });

    it('an entry that replaces a confirmed one, although its writer does not wait for the disk', async () => {
      await table.put('a', 'x');
      assert.deepEqual(await flushedBy(() => table.put('a', 'y', 'written')), [first]);
    });

    it('what it could not flush before', async () => {
      await table.put('a', 'x');
      disk.refused = new Error('EIO');
      await assert.rejects(table.put('b', 'x'), StoreUnavailableError);
      await assert.rejects(table.put('c', 'x'.repeat(960)), StoreUnavailableError);
      disk.refused = undefined;
      const names = await flushedBy(() => table.put('d', 'x'));
      assert.deepEqual([names.includes(first), names.includes(second), names.includes(own)], [true, true, true]);
      assert.equal((await flushedBy(() => table.put('e', 'x'))).includes(first), false);
      assert.deepEqual(table.keys(), ['a', 'd', 'e']);
    });

    it('what an earlier run left, once', async () => {
      await table.put('a', 'x');
      const next = new EntryLog(folder, { ...SMALL, flush }).table('t');
      assert.deepEqual(await flushedBy(() => next.put('b', 'x')), [first, second, own]);
      assert.deepEqual(await flushedBy(() => next.put('c', 'x')), [second]);
    });
  });

  it('refuses entries that the disk does not confirm in time, and continues when it does', async () => {
    let answer = (): void => undefined;
    let frozen: Promise<void> | undefined;
    const failures: string[] = [];
    const log = new EntryLog(folder, {
      ...SMALL,
      flush: () => frozen ?? Promise.resolve(),
      flushMs: 20,
      onFailure: ({ message }) => failures.push(message),
      onStuck: (stuck) => failures.push(stuck ? 'stuck' : 'answers'),
    });
    const table = log.table('t');
    await table.put('before', 'x');
    frozen = new Promise((resolve) => (answer = resolve));
    await assert.rejects(table.put('late', 'x'), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.match(error.message, /^cannot keep accepted work: the disk did not confirm a write within 20 ms$/);
      return true;
    });
    assert.deepEqual(table.keys(), ['before']);
    assert.deepEqual(failures, ['stuck', 'the disk did not confirm a write within 20 ms']);
    assert.equal(log.stuck, true);
    frozen = undefined;
    answer();
    await turn();
    assert.equal(log.stuck, false);
    assert.equal(failures.at(-1), 'answers');
    await table.put('after', 'x');
    assert.deepEqual(table.keys(), ['after', 'before']);
    await log.close();
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').keys(), ['after', 'before']);
  });

  it('keeps an accepted entry, also after a kill, if the entry that replaces it is not confirmed', async () => {
    let frozen = false;
    const flush = (): Promise<void> => (frozen ? Promise.reject(new Error('EIO')) : Promise.resolve());
    const table = new EntryLog(folder, { ...SMALL, flush }).table('t');
    await table.put('a', 'accepted');
    await table.put('b', 'accepted');
    frozen = true;
    await assert.rejects(table.put('a', 'answered'), StoreUnavailableError);
    // This line needs a file of its own. The former line must not leave with the first file.
    await assert.rejects(table.put('b', 'x'.repeat(960)), StoreUnavailableError);
    await assert.rejects(table.put('new', 'x'), StoreUnavailableError);
    const accepted = [
      { key: 'a', value: 'accepted' },
      { key: 'b', value: 'accepted' },
    ];
    assert.deepEqual(table.list(), accepted);
    const killed = mkdtempSync(join(tmpdir(), 'entry-log-'));
    cpSync(folder, killed, { recursive: true });
    const recovered = new EntryLog(killed, SMALL).table('t').keys();
    rmSync(killed, { recursive: true });
    assert.deepEqual(recovered, ['a', 'b']);
    frozen = false;
    await table.put('a', 'answered');
    assert.equal(table.list('a')[0]?.value, 'answered');
    table.remove('a');
    table.remove('b');
    assert.deepEqual(table.keys(), []);
    assert.equal(segments().length, 1);
  });

  it('keeps the old lines of entries that it moves until the new ones are on the disk', async () => {
    let thaw = (): void => undefined;
    let frozen: Promise<void> | undefined;
    const table = new EntryLog(folder, { ...SMALL, flush: () => frozen ?? Promise.resolve() }).table('t');
    await table.put('old', 'of long ago');
    const [first = ''] = segments();
    frozen = new Promise((resolve) => (thaw = resolve));
    const puts: Promise<void>[] = [];
    for (let i = 0; i < 40; i++) {
      puts.push(table.put(`k${i}`, 'x'.repeat(100)));
      table.remove(`k${i}`);
    }
    assert.ok(segments().length > 4);
    assert.ok(segments().includes(first));
    frozen = undefined;
    thaw();
    await Promise.all(puts);
    await turn();
    assert.ok(segments().length <= 4, segments().join());
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').list(), [{ key: 'old', value: 'of long ago' }]);
  });

  it('does not bring back an entry that ended before its replacement failed', async () => {
    let refuse = (): void => undefined;
    let frozen: Promise<void> | undefined;
    const table = new EntryLog(folder, { ...SMALL, flush: () => frozen ?? Promise.resolve() }).table('t');
    await table.put('a', 'accepted');
    frozen = new Promise((_, reject) => (refuse = () => reject(new Error('EIO'))));
    frozen.catch(() => undefined);
    const late = assert.rejects(table.put('a', 'answered'), StoreUnavailableError);
    table.remove('a');
    refuse();
    await late;
    assert.deepEqual(table.keys(), []);
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').keys(), []);
  });

  it('does not wait at its close for a disk that does not answer', async () => {
    const log = new EntryLog(folder, { ...SMALL, flush: () => new Promise(() => undefined), flushMs: 20 });
    await assert.rejects(log.table('t').put('late', 'x'), StoreUnavailableError);
    await assert.rejects(log.close(), { name: 'StoreError', message: /the disk does not answer/ });
  });

  it('removes a file that was not finished', async () => {
    appendFileSync(join(folder, '00000007.log.new'), 'x');
    assert.deepEqual(new EntryLog(folder, SMALL).table('t').keys(), []);
    assert.deepEqual(readdirSync(folder), ['00000001.log']);
  });
});
