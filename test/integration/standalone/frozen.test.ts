import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Api } from '../../../deploy/commands/client/Api.js';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { startServerProcess, type ServerProcess } from './serverProcess.js';

describe('the command line of a standalone server that is frozen', () => {
  let data: string;
  let server: ServerProcess;

  before(() => {
    data = mkdtempSync(join(tmpdir(), 'palette-whisk-frozen-'));
    server = startServerProcess(['--port', '0', '--data', data, '--no-catalog', '--process', '--memory', '512']);
  });
  after(async () => {
    server.signal('SIGKILL');
    await server.exited();
    rmSync(data, { recursive: true, force: true });
  });

  it('gives up in time, and works again when the server goes on', async () => {
    const base = await server.ready();
    const connection = {
      base,
      auth: WELL_KNOWN_USERS.guest,
      version: 'v1',
      insecure: false,
      cert: undefined,
      key: undefined,
    };
    const hasty = new Api(connection, 500);
    const patient = new Api(connection);
    const list = (api: Api): Promise<unknown> => api.call('GET', '/namespaces/_/actions');
    try {
      server.signal('SIGSTOP');
      await assert.rejects(list(hasty), /no answer within 0.5 s/);
      server.signal('SIGCONT');
      await list(patient);
    } finally {
      server.signal('SIGCONT');
      hasty.close();
      patient.close();
    }
  });
});
