import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseTarget } from '../../../../../deploy/commands/dev/target.js';
import { WELL_KNOWN_USERS } from '../../../../../shared/access/wellKnownKeys.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { Lifecycle } from '../../../../../shared/process/Lifecycle.js';

class FakeProcess extends EventEmitter {
  readonly pid = 4711;
  readonly stderr = { write: () => true };
  exit(): void {
    this.emit('end');
  }
  kill(): void {}
  abort(): void {}
}

describe('the server of palette-whisk dev', () => {
  let home: string;
  let server: Server;
  let port: string;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'palette-whisk-target-'));
    server = createServer((_, response) => response.end('pong'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    port = String(address.port);
  });
  after(async () => {
    rmSync(home, { recursive: true, force: true });
    server.close();
    await once(server, 'close');
  });

  /** The address and the key that it uses with properties and options. The server must run: none is started. */
  async function chosen(
    properties: Readonly<Record<string, string>>,
    options: { readonly auth?: string; readonly port?: string },
  ): Promise<readonly [base: string, auth: string | undefined]> {
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(join(home, '.wskprops'), lines.join(''));
    const living = new FakeProcess();
    const ended = once(living, 'end');
    const life = Lifecycle.begin('', living);
    const context = { home, variables: {}, log: silentLogger, activity: {} };
    const { api, inProcess } = await chooseTarget(life, { port: undefined, driver: [], ...options }, context);
    life.stop('the target is known');
    await ended;
    assert.equal(inProcess, false);
    return [api.connection.base, api.connection.auth];
  }

  it('gets the key of properties that name this machine, with --port and without', async () => {
    const properties = { APIHOST: `http://localhost:${port}`, AUTH: 'mine:secret' };
    assert.deepEqual(await chosen(properties, {}), [`http://localhost:${port}`, 'mine:secret']);
    assert.deepEqual(await chosen(properties, { port }), [`http://127.0.0.1:${port}`, 'mine:secret']);
    // The default host is this machine, too.
    assert.deepEqual(await chosen({ AUTH: 'mine:secret' }, { port }), [`http://127.0.0.1:${port}`, 'mine:secret']);
  });

  it('does not get the key of a server elsewhere', async () => {
    const properties = { APIHOST: 'https://whisk.example', AUTH: 'theirs:secret' };
    assert.deepEqual(await chosen(properties, { port }), [`http://127.0.0.1:${port}`, WELL_KNOWN_USERS.guest]);
  });

  it('gets the key of the command line first', async () => {
    for (const APIHOST of [`http://localhost:${port}`, 'https://whisk.example']) {
      const [, auth] = await chosen({ APIHOST, AUTH: 'old:secret' }, { port, auth: 'new:secret' });
      assert.equal(auth, 'new:secret');
    }
  });
});
