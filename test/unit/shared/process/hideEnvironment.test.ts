import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

describe('hiding the environment', () => {
  if (process.platform !== 'linux') return;

  it('keeps the variables for the process and its children only', async () => {
    const module = new URL('../../../../shared/process/hideEnvironment.js', import.meta.url);
    const code = `
      import { execFileSync } from 'node:child_process';
      import { hideEnvironment } from ${JSON.stringify(fileURLToPath(module))};
      const hidden = hideEnvironment();
      const child = execFileSync('/bin/sh', ['-c', 'printf %s "$A_SECRET"']).toString();
      console.log(JSON.stringify({ hidden, own: process.env.A_SECRET, empty: process.env.EMPTY, child }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      env: { ...process.env, A_SECRET: 'hush hush', EMPTY: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [told] = (await once(child.stdout, 'data')) as [Buffer];
      const own = 'hush hush';
      assert.deepEqual(JSON.parse(told.toString()), { hidden: true, own, empty: '', child: own });
      assert.match(readFileSync(`/proc/${child.pid}/environ`, 'latin1'), /^\0+$/);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
