import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalProcess } from '../../../../deploy/local/LocalProcess.js';
import { freePort } from '../../../../deploy/local/ports.js';

describe('LocalProcess', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'local-process-'))));
  after(() => rm(folder, { recursive: true }));

  it('says in one line why a process did not answer', async () => {
    const port = await freePort();
    const silent = new LocalProcess({
      name: 'silent0',
      main: 'shared/process/within',
      args: [],
      // It runs on, and does not listen.
      environment: { NODE_OPTIONS: '--import data:text/javascript,setInterval(()=>{},1000)' },
      port,
      protocol: 'http',
      logFile: join(folder, 'log'),
    });
    await assert.rejects(silent.start(0), {
      name: 'ProcessStartError',
      message: `silent0 did not answer within 0 s (fetch failed (cause: connect ECONNREFUSED 127.0.0.1:${port})):\n`,
    });
    assert.equal(silent.pid, undefined);
  });
});
