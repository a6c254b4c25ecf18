import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

const MB = 1024 * 1024;

// A file system of its own is for root to mount.
if (process.getuid?.() === 0) {
  describe('the standalone server on a full disk', () => {
    let mount: string;
    let ballast: string;
    let server: ServerProcess;
    let url: string;

    before(async () => {
      mount = mkdtempSync(join(tmpdir(), 'palette-whisk-full-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', mount]);
      ballast = join(mount, 'ballast');
      const data = join(mount, 'data');
      server = startServerProcess(['--port', '0', '--data', data, '--no-catalog', '--process', '--memory', '512']);
      url = await server.ready();
    });
    after(async () => {
      server.signal('SIGKILL');
      await server.exited();
      execFileSync('umount', ['-l', mount]);
      rmSync(mount, { recursive: true, force: true });
    });

    async function call(method: string, path: string, body?: object) {
      const response = await fetch(`${url}/api/v1/namespaces/_/${path}`, {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
          'content-type': 'application/json',
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        body: (await response.json()) as Record<string, unknown>,
      };
    }
    const metric = async (name: string): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    };
    /** Fills the disk to its last page, while the server writes to it too. */
    const fill = (): void => {
      const { bavail, bsize } = statfsSync(mount);
      try {
        writeFileSync(ballast, Buffer.alloc(bavail * bsize + MB));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    };

    it('refuses new work at once with the reason, loses nothing that it accepted, and goes on when there is room', async () => {
      // Its results need room in the end.
      const code = `function main({ ms }) {
        return new Promise((resolve) => setTimeout(() => resolve({ large: 'x'.repeat(100000) }), ms));
      }`;
      await call('PUT', 'actions/late', { exec: { kind: 'nodejs:20', code }, limits: { memory: 128 } });
      await call('PUT', 'triggers/event', {});
      await call('PUT', 'rules/link', { trigger: '/_/event', action: '/_/late' });
      const accepted: string[] = [];
      // Fewer than an invoker has in flight: with as many records that wait it takes no more.
      for (let i = 0; i < 8; i++) {
        const { status, body } = await call('POST', 'actions/late', { ms: 1500 });
        assert.equal(status, 202);
        accepted.push(String(body['activationId']));
      }
      // Not even their records fit.
      fill();
      const paths = ['actions/late', 'actions/late?blocking=true', 'triggers/event'];
      for (const path of paths) {
        await eventually(async () => {
          const refused = await call('POST', path, { ms: 1 });
          if (refused.status === 202) accepted.push(String(refused.body['activationId']));
          assert.equal(refused.status, 503);
          assert.match(String(refused.body['error']), /^The disk of the data folder .*data is full/);
          assert.equal(refused.retryAfter, '5');
        });
      }
      assert.equal((await call('GET', 'actions/late')).status, 200, 'what is there can be read');
      assert.equal(await metric('data_folder_full'), 1);
      // Until all have ended, so that their records wait.
      await eventually(async () => assert.equal(await (await fetch(`${url}/activation/count`)).text(), '0'));
      assert.equal(server.output().match(/New work is refused/g)?.length, 1, server.output());

      rmSync(ballast);
      await eventually(async () => {
        const { status, body } = await call('POST', 'actions/late', { ms: 1 });
        assert.equal(status, 202);
        accepted.push(String(body['activationId']));
      });
      assert.equal(await metric('data_folder_full'), 0);
      assert.ok((await metric('data_folder_free_bytes')) > 16 * MB);
      assert.match(server.output(), /has free space again after/);
      for (const id of accepted) {
        await eventually(async () => assert.equal((await call('GET', `activations/${id}`)).status, 200, id));
      }
    });
  });
}
