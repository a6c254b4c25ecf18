import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { runCommand } from '../testIo.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('activation poll', function () {
  this.timeout(60_000);
  let server: Server;
  let variables: Record<string, string>;

  beforeEach(async () => {
    server = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]'),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    variables = { WSK_CONFIG_FILE: '/nonexistent/wskprops', WHISK_APIHOST: `http://127.0.0.1:${port}` };
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('ends after the seconds of --exit, even while memory is freed', async () => {
    const free = setInterval(collectGarbage, 100);
    try {
      const polled = await runCommand(['activation', 'poll', '--exit', '2', '--auth', 'a:b'], variables);
      const out = 'Enter Ctrl-c to exit.\nPolling for activation logs\n';
      assert.deepEqual(polled, { code: 0, out, err: '' });
    } finally {
      clearInterval(free);
    }
  });

  it('ends when the program is stopped, long before --exit', async () => {
    const stop = new AbortController();
    server.on('request', () => stop.abort());
    const { code } = await runCommand(
      ['activation', 'poll', '--exit', '999999999999999', '--auth', 'a:b'],
      variables,
      stop.signal,
    );
    assert.equal(code, 0);
  });
});
