import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEmbeddedStores, openTemporaryStores } from '../../../../../shared/store/embedded/open.js';
import { SubjectStore } from '../../../../../shared/store/SubjectStore.js';
import { administrationSuite } from '../../../../suites/administration.js';

describe('administration', () => {
  describe('of the embedded store', () => administrationSuite(openTemporaryStores));

  describe('from the command line', function () {
    this.timeout(30_000);
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'admin.test-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const main = fileURLToPath(
      new URL(`../../../../../deploy/commands/admin/main${extname(import.meta.url)}`, import.meta.url),
    );
    function admin(...args: string[]) {
      const env = { ...process.env, CONFIG_whisk_couchdb_host: '' };
      const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, main, ...args], {
        encoding: 'utf8',
        env,
      });
      return { status, stdout, stderr };
    }

    it('changes the store of a server that runs', async () => {
      const data = join(folder, 'running');
      const stores = await openEmbeddedStores(data);
      const { status, stdout } = admin('--data', data, 'user', 'create', 'userA');
      assert.equal(status, 0);
      const [uuid = '', key = ''] = stdout.trim().split(':');
      const subjects = new SubjectStore(stores.subjects, { maxAgeMs: 0 });
      assert.equal((await subjects.identityByKey(uuid, key))?.subject, 'userA');
      await stores.subjects.put({ _id: 'userB' });
      const dumped = JSON.parse(admin('--data', data, 'db', 'get', 'subjects').stdout) as { rows: { id: string }[] };
      assert.deepEqual(
        dumped.rows.map(({ id }) => id),
        ['userA', 'userB'],
      );
      await stores.close();
    });

    it('says in one line on the standard error what is wrong, by exit codes 1 and 2', () => {
      const missing = join(folder, 'missing');
      const none = admin('--data', missing, 'user', 'get', 'guest');
      assert.deepEqual(none, { status: 1, stdout: '', stderr: `${missing} does not contain a store\n` });
      const usage = admin('user', 'frobnicate');
      assert.deepEqual(usage, {
        status: 2,
        stdout: '',
        stderr: 'unknown command "user frobnicate" (--help lists them)\n',
      });
    });

    it('generates a key without a store, and prints its help', () => {
      assert.match(admin('user', 'create', 'userA', '-g').stdout, /^[0-9a-f-]{36}:[A-Za-z0-9]{64}\n$/);
      const help = admin('--help');
      assert.equal(help.status, 0);
      assert.match(help.stdout, /^Usage: npm run --silent admin/);
    });
  });
});
