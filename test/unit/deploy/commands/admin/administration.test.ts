import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TraceEvent } from '../../../../../controller/simulate/index.js';
import { activationDocument } from '../../../../../shared/entities/activation.js';
import { newActivationId } from '../../../../../shared/entities/activationId.js';
import { openEmbeddedStores, openTemporaryStores } from '../../../../../shared/store/embedded/open.js';
import { SubjectStore } from '../../../../../shared/store/SubjectStore.js';
import { activationRecord } from '../../../controller/loadbalancer/messages.js';
import { administrationSuite } from '../../../../suites/administration.js';

describe('administration', () => {
  describe('of the embedded store', () => administrationSuite(openTemporaryStores));

  describe('from the command line', () => {
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

    it('records a trace of the activations that ran, and simulates policies on it', async () => {
      const data = join(folder, 'traced');
      const stores = await openEmbeddedStores(data);
      const annotations = (color: string) => [
        { key: 'path', value: 'guest/read' },
        { key: 'waitTime', value: 5 },
        { key: 'color', value: color },
      ];
      for (let i = 0; i < 20; i++) {
        const record = { ...activationRecord(newActivationId()), start: 1000 + 100 * i, duration: 7 };
        await stores.activations.put(activationDocument({ ...record, annotations: annotations(`c${i % 4}`) }, 0));
      }
      const { duration: _, ...trigger } = activationRecord(newActivationId());
      await stores.activations.put(activationDocument({ ...trigger, start: 5000 }, 0));
      await stores.close();
      const { status, stdout } = admin('--data', data, 'trace', 'record', '-ns', 'guest');
      assert.equal(status, 0);
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TraceEvent);
      assert.equal(events.length, 20);
      const last = events.find(({ t }) => t === 1895);
      const reads = ['guest/c3'];
      assert.deepEqual(last, { t: 1895, color: 'guest/c3', action: 'guest/read', reads, writes: [], ms: 7 });
      assert.equal(admin('--data', data, 'trace', 'record', '-ns', 'other').stdout, '');

      const file = join(folder, 'trace.jsonl');
      await writeFile(file, stdout);
      const simulated = admin('trace', 'run', file, '--policy', 'least-assigned,random', '--workers', '4');
      assert.equal(simulated.stderr, '');
      const lines = simulated.stdout.trim().split('\n');
      assert.match(lines[0] ?? '', /^20 invocations, 4 colors, 1 actions, 4 objects$/);
      // Each color is read five times, at its home.
      assert.match(lines[2] ?? '', /^least-assigned +80\.00 +100\.00 /);
      assert.match(lines[3] ?? '', /^random /);
      await writeFile(file, '{"t":1}');
      const wrong = admin('trace', 'run', file);
      assert.equal(wrong.status, 1);
      assert.match(wrong.stderr, /trace\.jsonl: line 1 of the trace: /);
      assert.match(admin('trace', 'run', join(folder, 'none')).stderr, /none: ENOENT/);
      assert.match(admin('trace', 'run', file, '--policy', 'nearest').stderr, /unknown policy 'nearest'/);
      assert.match(admin('trace', 'run', file, '--workers', '0').stderr, /--workers takes a number of at least 1/);
    });

    it('names the mistake in one line on the standard error, with exit codes 1 and 2', () => {
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
