import assert from 'node:assert/strict';
import { attach } from '../../../../suites/attach.js';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NewDocument } from '../../../../../shared/store/ArtifactStore.js';
import { DocumentConflictError, RefusedByStoreError, StoreError } from '../../../../../shared/store/ArtifactStore.js';
import { encodeId } from '../../../../../shared/store/embedded/keys.js';
import { openEmbeddedStores, openEnvironment, openTemporaryStores } from '../../../../../shared/store/embedded/open.js';
import { artifactStoreSuite } from '../../../../suites/artifactStore.js';

const document = (id: string): NewDocument =>
  ({ _id: `ns/${id}`, activationId: id, namespace: 'ns', name: 'n', start: 1, end: 2, annotations: [] }) as NewDocument;

describe('the embedded store', () => {
  describe('on disk', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'store.test-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    describe('behaves as a store', () => artifactStoreSuite(() => openEmbeddedStores(join(folder, 'suite'))));

    it('finds documents, rows and attachments again after a restart', async () => {
      const data = join(folder, 'again');
      const first = await openEmbeddedStores(data);
      await first.activations.putMany([document('a'), document('b')]);
      const revision = await first.whisks.put(document('w'));
      await attach(first.whisks, 'ns/w', revision, 'code', 'text/plain', Buffer.from('hello'));
      await first.close();
      const second = await openEmbeddedStores(data);
      const query = { startKey: ['ns', 0], endKey: ['ns', '\ufff0'] };
      assert.equal(await second.activations.count('whisks.v2.1.0/activations', query), 2);
      assert.equal(Buffer.from((await second.whisks.readAttachment('ns/w', 'code')) ?? []).toString(), 'hello');
      await second.close();
    });

    it('refuses an invalid document, and continues with the others', async () => {
      const data = join(folder, 'damaged');
      const first = await openEmbeddedStores(data);
      for (const id of ['w', 'x']) await first.whisks.put(document(id));
      await first.close();
      const root = openEnvironment(data, true);
      await root
        .openDB('whisks', { keyEncoding: 'binary', encoding: 'string' })
        .put(encodeId('ns/w'), '["not", "one"]');
      await root.close();
      const second = await openEmbeddedStores(data);
      await assert.rejects(second.whisks.get('ns/w'), { name: 'StoreError', message: /is damaged/ });
      assert.equal((await second.whisks.get('ns/x'))?.['name'], 'n');
      await second.close();
    });

    it('keeps nothing of a large attachment whose document is refused, and overwrites none of that name', async () => {
      const stores = await openEmbeddedStores(join(folder, 'refused'));
      const large = (name: string, size: number) => ({
        name,
        contentType: 'application/octet-stream',
        bytes: new Uint8Array(size).fill(7),
      });
      const size = 2 * 1024 * 1024;
      const revision = await stores.whisks.put(document('w'), large('code', size));
      for (const name of ['code', 'other']) {
        await assert.rejects(stores.whisks.put(document('w'), large(name, size + 1)), DocumentConflictError);
      }
      assert.equal((await stores.whisks.readAttachment('ns/w', 'code'))?.length, size);
      const next = { ...document('w'), _rev: revision };
      await stores.whisks.put(next, large('newer', size + 2));
      assert.equal(await stores.whisks.readAttachment('ns/w', 'other'), undefined);
      assert.equal(await stores.whisks.readAttachment('ns/w', 'code'), undefined);
      assert.equal((await stores.whisks.readAttachment('ns/w', 'newer'))?.length, size + 2);
      await stores.close();
    });

    // A CouchDB may take it for a first revision that it never saw.
    it('refuses the revision of a document that never was', async () => {
      const stores = await openEmbeddedStores(join(folder, 'never'));
      const unknown = { ...document('new'), _rev: `1-${'0'.repeat(32)}` };
      await assert.rejects(stores.whisks.put(unknown), DocumentConflictError);
      await stores.close();
    });

    it('refuses a folder that another server uses, in one line with its process id', async () => {
      const data = join(folder, 'shared');
      const stores = await openEmbeddedStores(data);
      await assert.rejects(openEmbeddedStores(data), (error: Error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.message, `the data folder ${data} is in use by another server (process ${process.pid})`);
        return true;
      });
      await stores.close();
      await (await openEmbeddedStores(data)).close();
    });

    it('makes a folder that only its own user can read: keys are in it', async () => {
      const data = join(folder, 'private');
      const stores = await openEmbeddedStores(data);
      assert.equal((await stat(data)).mode & 0o777, 0o700);
      for (const name of ['data.mdb', 'lock.mdb']) {
        assert.equal((await stat(join(data, name))).mode & 0o777, 0o600);
      }
      await stores.close();
    });

    it('closes a folder and files that were open to others, and not a folder that is not its own', async () => {
      const mode = async (...path: string[]): Promise<number> => (await stat(join(folder, ...path))).mode & 0o777;
      for (const [name, foreign, expected] of [
        ['opened', [], 0o700],
        ['home', ['letters.txt'], 0o755],
      ] as const) {
        const data = join(folder, name);
        await mkdir(data);
        for (const file of foreign) await writeFile(join(data, file), '');
        await (await openEmbeddedStores(data)).close();
        await chmod(data, 0o755);
        for (const file of ['data.mdb', 'lock.mdb']) await chmod(join(data, file), 0o644);
        const stores = await openEmbeddedStores(data);
        assert.equal(await mode(name), expected);
        for (const file of ['data.mdb', 'lock.mdb']) assert.equal(await mode(name, file), 0o600);
        for (const file of foreign) assert.equal(await mode(name, file), 0o644);
        await stores.close();
      }
    });

    it('says which folder it cannot write to', async () => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      await assert.rejects(openEmbeddedStores(join(file, 'data')), {
        name: 'StoreError',
        message: `cannot write to the data folder ${join(file, 'data')}: ENOTDIR`,
      });
    });

    it('opens a folder with a path longer than a socket address', async () => {
      const data = join(folder, 'x'.repeat(120), 'y'.repeat(20));
      const stores = await openEmbeddedStores(data);
      await assert.rejects(openEmbeddedStores(data), /in use by another server/);
      await stores.close();
    });

    it('loses nothing that it acknowledged when its process is killed, and its lock goes with it', async () => {
      const data = join(folder, 'killed');
      const script = fileURLToPath(new URL(`./writer${extname(import.meta.url)}`, import.meta.url));
      const writer = fork(script, [data], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
      const acknowledged: string[] = [];
      const enough = new Promise<void>((resolve) => {
        writer.on('message', (id: string) => {
          acknowledged.push(id);
          if (acknowledged.length === 300) resolve();
        });
      });
      await enough;
      writer.kill('SIGKILL');
      await once(writer, 'exit');
      const stores = await openEmbeddedStores(data);
      const lost = [];
      for (const id of acknowledged) if (!(await stores.activations.get(`ns/${id}`))) lost.push(id);
      assert.deepEqual(lost, []);
      const query = { startKey: ['ns', 0], endKey: ['ns', '\ufff0'] };
      const rows = await stores.activations.query('whisks.v2.1.0/activations', { ...query, includeDocs: true });
      assert.ok(rows.length >= acknowledged.length);
      assert.ok(rows.every((row) => row.doc));
      await stores.close();
    });
  });

  it('fails writes that do not fit on a full disk, keeps the rest, and lets the process live', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'store.full-'));
    const script = fileURLToPath(new URL(`./fullDisk${extname(import.meta.url)}`, import.meta.url));
    // A limit on the size of files stands for the disk's end.
    const limited = `trap '' XFSZ; ulimit -f 12000; exec "$0" "$@"`;
    const command = [...process.execArgv, script, folder];
    const { status, stdout, stderr } = spawnSync('bash', ['-c', limited, process.execPath, ...command], {
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    const { stored, lost, errors, closed, fileBytes } = JSON.parse(stdout) as {
      stored: number;
      lost: number;
      errors: string[];
      closed: string;
      fileBytes: number;
    };
    assert.ok(stored > 10);
    // Refused writes leave the rest of the disk to others.
    assert.ok(fileBytes < 12_000 * 1024, `${fileBytes} bytes`);
    assert.equal(lost, 0);
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? '', /^StoreFullError: The disk of the data folder is full/);
    // LMDB itself did not get the writes: it damages the memory of its process if one fails.
    assert.equal(stderr, '');
    assert.equal(closed, 'in order');
    const stores = await openEmbeddedStores(folder);
    const query = { startKey: ['ns', 0], endKey: ['ns', '\ufff0'] };
    assert.equal(await stores.activations.count('whisks.v2.1.0/activations', query), stored);
    await stores.close();
    await rm(folder, { recursive: true });
  });

  it('writes thousands of documents at once, each id of them once, beside other batches', async () => {
    const stores = await openTemporaryStores();
    const { activations } = stores;
    const query = { startKey: ['ns', 0], endKey: ['ns', '\ufff0'] };
    const batch = (from: number, count: number): NewDocument[] =>
      Array.from({ length: count }, (_, i) => document(`d${from + i}`));
    const first = await activations.putMany([...batch(0, 2000), ...batch(0, 5)]);
    assert.deepEqual(
      first.conflicts,
      batch(0, 5).map(({ _id }) => _id),
    );
    const others = await Promise.all([0, 1, 2, 3].map((i) => activations.putMany(batch(1900 + 100 * i, 200))));
    assert.equal(
      others.reduce((sum, { conflicts }) => sum + conflicts.length, 0),
      400,
    );
    assert.equal(await activations.count('whisks.v2.1.0/activations', query), 2400);
    assert.equal((await activations.get('ns/d2399'))?.['activationId'], 'd2399');
    await stores.close();
  });

  it('stores none of a batch with a document that LMDB has no key for', async () => {
    const stores = await openTemporaryStores();
    const { activations } = stores;
    await assert.rejects(activations.putMany([document('a'), { ...document('b'), _id: '' }]), RefusedByStoreError);
    // In the order of the writes: what the refused batch left would be there.
    await activations.putMany([document('c')]);
    assert.equal(await activations.get('ns/a'), undefined);
    await stores.close();
  });

  it('attaches nothing to a document that is not there', async () => {
    const stores = await openTemporaryStores();
    const attaching = attach(stores.whisks, 'ns/none', `1-${'0'.repeat(32)}`, 'code', 'text/plain', Buffer.from('x'));
    await assert.rejects(attaching, DocumentConflictError);
    await stores.close();
  });

  it('fails once it is closed', async () => {
    const stores = await openTemporaryStores();
    await stores.close();
    await assert.rejects(stores.whisks.get('a'), StoreError);
    await assert.rejects(stores.whisks.put(document('a')), StoreError);
    await stores.close();
  });
});
