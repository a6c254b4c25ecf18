import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoreError, type NewDocument } from '../../../../../shared/store/ArtifactStore.js';
import { damageText, FORMAT } from '../../../../../shared/store/embedded/dataFolder.js';
import { checkLmdbFile, DamagedFileError } from '../../../../../shared/store/embedded/lmdbFile.js';
import { writeLine } from '../../../../../shared/store/embedded/logLine.js';
import {
  backupFolder,
  checkFolder,
  compactFolder,
  restoreFolder,
} from '../../../../../shared/store/embedded/maintenance.js';
import { openEmbeddedStores, openStoresOfServer } from '../../../../../shared/store/embedded/open.js';

const PAGE = 4096;
const activation = (n: number): NewDocument =>
  ({
    _id: `guest/${n}`,
    activationId: `${n}`,
    namespace: 'guest',
    name: 'n',
    start: n,
    end: n,
    annotations: [],
    // Some are larger than a page.
    logs: ['x'.repeat(n % 50 === 0 ? 9000 : 300)],
  }) as NewDocument;

describe('the data folder', () => {
  let folder: string;
  let data: string;
  let file: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'data-folder-'));
    const stores = await openEmbeddedStores(join(folder, 'template'));
    for (let n = 0; n < 3000; n += 500) {
      await stores.activations.putMany(Array.from({ length: 500 }, (_, i) => activation(n + i)));
    }
    await stores.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  beforeEach(async () => {
    data = join(folder, `data${count++}`);
    file = join(data, 'data.mdb');
    await (await openEmbeddedStores(data)).close();
    copyFileSync(join(folder, 'template', 'data.mdb'), file);
    rmSync(join(data, 'lock.mdb'));
  });

  const refuses = (message: RegExp): Promise<void> =>
    assert.rejects(openEmbeddedStores(data), (error: Error) => {
      assert.ok(error instanceof StoreError, error.stack);
      assert.match(error.message, message);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  const isWhole = async (where = data): Promise<void> => {
    const stores = await openEmbeddedStores(where);
    const query = { startKey: ['guest', 0], endKey: ['guest', '\ufff0'] };
    assert.equal(await stores.activations.count('whisks.v2.1.0/activations', query), 3000);
    await stores.close();
  };

  describe('says its format', () => {
    const format = (): unknown => JSON.parse(readFileSync(join(data, 'format.json'), 'utf8'));

    it('and the version of the program', () => {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
      assert.deepEqual(format(), { format: FORMAT, program: version });
    });

    it('and is upgraded if it is older', async () => {
      rmSync(join(data, 'format.json'));
      await isWhole();
      assert.equal((format() as { format: number }).format, FORMAT);
    });

    it('and is refused if it is newer, before anything is changed', async () => {
      writeFileSync(join(data, 'format.json'), JSON.stringify({ format: FORMAT + 1, program: '9.9.9' }));
      const before = readFileSync(file);
      await refuses(
        /has format \d+, written by version 9\.9\.9; .* Use version 9\.9\.9 or newer, or another folder with --data/,
      );
      await assert.rejects(openStoresOfServer(data), /has format/);
      // A copy would look like one of this version.
      await assert.rejects(checkFolder(data), /has format/);
      await assert.rejects(backupFolder(data, join(folder, `newer${count}`)), /has format/);
      await assert.rejects(compactFolder(data), /has format/);
      assert.deepEqual(readFileSync(file), before);
    });
  });

  describe('that is damaged is refused with a remedy', () => {
    const damaged = /data\.mdb is damaged: .* Restore a backup: npm run admin -- --data .* data restore BACKUP/;
    const overwrite = (page: number, bytes: Buffer, at = 0): void => {
      const content = readFileSync(file);
      bytes.copy(content, page * PAGE + at);
      writeFileSync(file, content);
    };

    it('if its end is missing', async () => {
      // The pages in use end before the end of the file: zeros follow.
      const used = readFileSync(file).findLastIndex((byte) => byte !== 0);
      truncateSync(file, Math.floor(used * 0.6));
      await refuses(damaged);
    });

    it('if only its beginning is left', async () => {
      truncateSync(file, 3000);
      await refuses(damaged);
    });

    it('if its first page is overwritten', async () => {
      overwrite(0, Buffer.alloc(PAGE, 'x'));
      await refuses(damaged);
    });

    it('if its second page is overwritten', async () => {
      overwrite(1, Buffer.alloc(PAGE));
      await refuses(damaged);
    });

    /** The positions of the fields of a meta page in it. */
    const AT = { freeFlags: 52, freeRoot: 88, entries: 128, root: 136, lastPage: 144, transaction: 152 };
    const metas = [0, PAGE / 2, PAGE];
    const inMetas = (change: (content: Buffer, at: number) => void): void => {
      const content = readFileSync(file);
      for (const at of metas) change(content, at);
      writeFileSync(file, content);
    };
    const newest = (): { freeRoot: bigint; root: bigint } => {
      const content = readFileSync(file);
      const transaction = (at: number): bigint => content.readBigUInt64LE(at + AT.transaction);
      const at = transaction(PAGE) > transaction(0) ? PAGE : 0;
      return { freeRoot: content.readBigUInt64LE(at + AT.freeRoot), root: content.readBigUInt64LE(at + AT.root) };
    };

    it('if its list of free pages is overwritten', async () => {
      overwrite(Number(newest().freeRoot), Buffer.alloc(PAGE));
      await refuses(damaged);
    });

    const ALL = 0xffff_ffff_ffff_ffffn;
    const contradictions: Record<string, (content: Buffer, at: number) => void> = {
      'wrong flags': (content, at) => content.writeUInt16LE(0x0f, at + AT.freeFlags),
      'no root, but entries': (content, at) => content.writeBigUInt64LE(ALL, at + AT.root),
      'the root of another tree': (content, at) => content.writeBigUInt64LE(newest().freeRoot, at + AT.root),
      'another number of entries': (content, at) => content.writeBigUInt64LE(11n, at + AT.entries),
      'a last page before others': (content, at) => content.writeBigUInt64LE(5n, at + AT.lastPage),
      'an impossible last page': (content, at) => content.writeBigUInt64LE(ALL, at + AT.lastPage),
      'an impossible transaction': (content, at) => content.writeBigUInt64LE(ALL, at + AT.transaction),
    };
    for (const [what, change] of Object.entries(contradictions)) {
      it(`if its meta pages have ${what}`, async () => {
        inMetas(change);
        await refuses(damaged);
      });
    }

    it('if it is another file', async () => {
      writeFileSync(file, 'not a database'.repeat(10_000));
      await refuses(damaged);
    });

    const missing = /data\.mdb is (empty|missing)\. .*Restore a backup: npm run admin/;
    const noneReadsIt = async (): Promise<void> => {
      await refuses(missing);
      await assert.rejects(openStoresOfServer(data), StoreError);
      await assert.rejects(checkFolder(data), missing);
      await assert.rejects(backupFolder(data, join(folder, `never${count}`)), missing);
      await assert.rejects(compactFolder(data), missing);
    };

    it('if it is empty', async () => {
      truncateSync(file, 0);
      await noneReadsIt();
      assert.equal(statSync(file).size, 0);
    });

    it('if it is missing', async () => {
      rmSync(file);
      writeFileSync(`${file}.before-restore-X`, '');
      await refuses(/data\.mdb is missing\. The folder has data\.mdb\.before-restore-X\. Restore a backup/);
      await noneReadsIt();
      assert.ok(!existsSync(file));
    });

    it('if a restore into a new folder was killed', async () => {
      const fresh = join(data, 'fresh');
      mkdirSync(fresh);
      writeFileSync(join(fresh, 'data.mdb.new'), 'a part of it');
      await assert.rejects(
        openEmbeddedStores(fresh),
        /data\.mdb is missing\. The folder has data\.mdb\.new\. Restore a backup/,
      );
      assert.ok(existsSync(join(fresh, 'data.mdb.new')));
    });

    it('if any page is damaged and the server before was killed', async () => {
      const content = readFileSync(file);
      for (let page = 2; page < content.length / PAGE; page++) {
        if (content.readUInt16LE(page * PAGE + 18) === 2) content.fill('x', page * PAGE, page * PAGE + 16);
      }
      writeFileSync(file, content);
      // The socket of a process that was killed stays.
      const socket = join(data, 'in-use.sock');
      const killed = createServer();
      await new Promise<void>((resolve) => killed.listen(`${socket}.first`, resolve));
      renameSync(`${socket}.first`, socket);
      await new Promise((resolve) => killed.close(resolve));
      await refuses(damaged);
    });

    it('if any page is damaged and the server before could not close it', () => {
      const script = fileURLToPath(new URL(`./damagedWhileOpen${extname(import.meta.url)}`, import.meta.url));
      const { stdout } = spawnSync(process.execPath, [...process.execArgv, script, data], { encoding: 'utf8' });
      const { write, close } = JSON.parse(stdout) as { write: string; close: string };
      assert.match(write, /StoreUnavailableError: the embedded store failed: MDB_/);
      assert.match(close, /LMDB does not close/);
      return refuses(damaged);
    });

    it('if any page that leads to others is overwritten', async () => {
      const content = readFileSync(file);
      const branches = [];
      for (let page = 2; page < content.length / PAGE; page++) {
        if (content.readUInt16LE(page * PAGE + 18) === 1) branches.push(page);
      }
      let found = 0;
      for (const page of branches) {
        const copy = Buffer.from(content);
        copy.fill('x', page * PAGE, (page + 1) * PAGE);
        writeFileSync(join(data, 'copy'), copy);
        try {
          checkLmdbFile(join(data, 'copy'), { leaves: false });
        } catch (error) {
          assert.ok(error instanceof DamagedFileError);
          found++;
        }
      }
      // Others are of older transactions, and free.
      assert.ok(found >= 3, `${found} of ${branches.length}`);
    });
  });

  it('is not called damaged after a power failure that lost transactions which were not flushed', async () => {
    const content = readFileSync(file);
    const [boot, flags, root] = [24 + 24 + 96 + 16, 24 + 24 + 4, 24 + 24 + 48 + 40];
    const metas = [0, PAGE / 2, PAGE].map((at) => ({ at, transaction: content.readBigUInt64LE(at + boot - 8) }));
    // The one in between is that of the last flush.
    const newest = metas
      .filter(({ at }) => at % PAGE === 0)
      .reduce((a, b) => (b.transaction > a.transaction ? b : a)).at;
    // As if the newest transaction had been written in an earlier boot, and its pages were lost.
    const lost = (content.length / PAGE) * 4;
    content.writeBigUInt64LE(BigInt(lost), newest + root);
    content.writeBigUInt64LE(content.readBigUInt64LE(newest + boot - 8) + 1n, newest + boot - 8);
    content.writeUInt16LE(content.readUInt16LE(newest + flags) | 0x1000, newest + flags);
    for (const { at } of metas) content.writeBigUInt64LE(0xabcdefn, at + boot);
    writeFileSync(file, content);
    assert.throws(() => checkLmdbFile(file, { leaves: false, boot: 0xabcdefn }), /before its page/);
    checkLmdbFile(file, { leaves: true });
    await isWhole();
  });

  it('is checked through and through, also beside its server', async () => {
    const server = await openEmbeddedStores(data);
    const writing = Array.from({ length: 20 }, (_, n) => server.activations.putMany([activation(10_000 + n)]));
    const { pages, format } = await checkFolder(data);
    assert.ok(pages > 300);
    assert.equal(format.format, FORMAT);
    await Promise.all(writing);
    await server.close();

    // Only a check of all pages finds it.
    const content = readFileSync(file);
    let leaf = 0;
    for (let page = 2; page < content.length / PAGE; page++)
      if (content.readUInt16LE(page * PAGE + 18) === 2) leaf = page;
    for (let page = 2; page < content.length / PAGE; page++) {
      if (content.readUInt16LE(page * PAGE + 18) === 2) content.fill('x', page * PAGE + 16, page * PAGE + 200);
    }
    assert.ok(leaf > 0);
    writeFileSync(file, content);
    await assert.rejects(checkFolder(data), /is damaged/);
  });

  it('is backed up beside its server, and restored with the damaged file kept', async () => {
    const backup = join(folder, `backup${count}`);
    const server = await openEmbeddedStores(data);
    assert.ok((await backupFolder(data, backup)) > 1_000_000);
    await assert.rejects(backupFolder(data, backup), /is not empty/);
    await assert.rejects(restoreFolder(data, backup, new Date(0)), /is in use by another server/);
    await server.close();

    truncateSync(file, 100_000);
    const kept = await restoreFolder(data, backup, new Date(0));
    assert.equal(statSync(kept ?? '').size, 100_000);
    await isWhole();
    const fresh = join(folder, `fresh${count}`);
    assert.equal(await restoreFolder(fresh, backup, new Date(0)), undefined);
    await isWhole(fresh);
  });

  it('refuses a damaged backup and one of a newer program, and leaves the data alone', async () => {
    const backup = join(folder, `broken${count}`);
    await backupFolder(data, backup);
    writeFileSync(join(backup, 'format.json'), JSON.stringify({ format: FORMAT + 1, program: '9.9.9' }));
    await assert.rejects(restoreFolder(data, backup, new Date(0)), /has format/);
    rmSync(join(backup, 'format.json'));
    truncateSync(join(backup, 'data.mdb'), 100_000);
    await assert.rejects(restoreFolder(data, backup, new Date(0)), /is damaged/);
    await isWhole();
  });

  it('refuses a backup without data, and the folder of a running server as a backup', async () => {
    const backup = join(folder, `empty${count}`);
    mkdirSync(backup);
    writeFileSync(join(backup, 'data.mdb'), '');
    await assert.rejects(restoreFolder(data, backup, new Date(0)), /data\.mdb is empty/);
    const other = join(folder, `running${count}`);
    const server = await openEmbeddedStores(other);
    await assert.rejects(restoreFolder(data, other, new Date(0)), /a server uses .* \(process \d+\): make a copy/);
    await server.close();
    await isWhole();
  });

  it('is not replaced by a backup if a newer program wrote it', async () => {
    const backup = join(folder, `older${count}`);
    await backupFolder(data, backup);
    writeFileSync(join(data, 'format.json'), JSON.stringify({ format: FORMAT + 1, program: '9.9.9' }));
    const before = readdirSync(data);
    await assert.rejects(restoreFolder(data, backup, new Date(0)), /has format/);
    assert.deepEqual(readdirSync(data), before);
  });

  it('keeps its copies from other users', async () => {
    const backup = join(folder, `open${count}`);
    mkdirSync(backup);
    chmodSync(backup, 0o755);
    await backupFolder(data, backup);
    assert.equal(statSync(backup).mode & 0o777, 0o700);
    assert.equal(statSync(join(backup, 'data.mdb')).mode & 0o777, 0o600);
    chmodSync(join(backup, 'data.mdb'), 0o644);
    await restoreFolder(data, backup, new Date(0));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    chmodSync(data, 0o755);
    await isWhole();
    assert.equal(statSync(data).mode & 0o777, 0o700);
  });

  it('has nothing left of a killed restore or compaction when its server has started', async () => {
    mkdirSync(join(data, 'compacted'));
    writeFileSync(join(data, 'compacted', 'data.mdb'), 'x');
    writeFileSync(`${file}.new`, 'x');
    await isWhole();
    assert.ok(!existsSync(join(data, 'compacted')) && !existsSync(`${file}.new`));
  });

  it('is not called whole if accepted work is damaged', async () => {
    const accepted = join(data, 'accepted', '00000001.log');
    rmSync(join(data, 'accepted'), { recursive: true });
    mkdirSync(join(data, 'accepted'));
    const lines = Buffer.alloc(1000);
    const first = writeLine({ kind: 'put', key: 'messages/a', value: '1' }, 1, lines, 0);
    writeLine({ kind: 'put', key: 'messages/b', value: '2' }, 1, lines, first);
    writeFileSync(accepted, lines);
    await checkFolder(data);
    writeFileSync(accepted, lines.fill('x', first - 1, first));
    await assert.rejects(checkFolder(data), new RegExp(`00000001\\.log has ${first} damaged bytes`));

    const said: string[] = [];
    const stores = await openEmbeddedStores(data, { onDamage: (damage) => said.push(damageText(damage)) });
    assert.deepEqual(stores.messages.keys(), ['b']);
    assert.match(said.join('|'), /^[^|]*00000001\.log has \d+ damaged bytes[^|]*$/);
    await stores.close();
  });

  it('says which of its files it cannot open', async () => {
    rmSync(join(data, 'lock.mdb'), { force: true });
    mkdirSync(join(data, 'lock.mdb'));
    await refuses(/cannot open .*lock\.mdb: EISDIR/);
    await assert.rejects(checkFolder(data), /cannot open .*lock\.mdb: EISDIR/);
    rmSync(join(data, 'lock.mdb'), { recursive: true });
    rmSync(join(data, 'format.json'));
    mkdirSync(join(data, 'format.json'));
    await refuses(/cannot open .*format\.json: EISDIR/);
  });

  it('gives free space back when it is compacted', async () => {
    const stores = await openEmbeddedStores(data);
    await stores.activations.deleteMany(Array.from({ length: 2500 }, (_, n) => `guest/${n}`));
    await assert.rejects(compactFolder(data), /is in use by another server/);
    await stores.close();
    const { before, after } = await compactFolder(data);
    assert.equal(after, statSync(file).size);
    assert.ok(after < before / 2, `${before} → ${after}`);
    const again = await openEmbeddedStores(data);
    assert.ok(await again.activations.get('guest/2999'));
    await again.close();
  });

  it('reports a missing store', async () => {
    await assert.rejects(checkFolder(join(folder, 'none')), /does not contain a store/);
    await assert.rejects(backupFolder(join(folder, 'none'), join(folder, 'nowhere')), /does not contain a store/);
  });
});
