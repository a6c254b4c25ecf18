import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ControllerHomes } from '../../../../invoker/objects/ControllerHomes.js';
import { INVOKERS_PATH } from '../../../../shared/objects/invokersReply.js';

const REPLY = { policy: 'p', homes: [{ instance: 1, url: 'http://a:1' }], away: [], validMs: 8000 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('the homes of colors, which controllers name', function () {
  this.timeout(60_000);
  let servers: Server[];
  let controllers: ControllerHomes;

  beforeEach(() => {
    servers = [];
    controllers = new ControllerHomes('a secret', 'invoker0');
  });
  afterEach(async () => {
    await controllers.close();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** The latest controller is asked first. */
  async function controller(onAsked: (response: ServerResponse, path: string | undefined) => void): Promise<void> {
    const server = createServer((request, response) => onAsked(response, request.url));
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    controllers.note(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  const answer = (response: ServerResponse): void => void response.end(JSON.stringify(REPLY));
  const ask = (): Promise<unknown> => controllers.ask('guest', 'red', undefined);

  it('are those of a slow controller that answers while the next one does not', async () => {
    let slow: ServerResponse | undefined;
    // The next controller is frozen. The slow one answers only after it was asked.
    await controller(() => slow && answer(slow));
    await controller((response) => (slow = response));
    assert.deepEqual(await ask(), REPLY);
  });

  it('are those of the next controller while one is frozen, or if one refuses', async () => {
    await controller(answer);
    await controller(() => undefined);
    assert.deepEqual(await ask(), REPLY);
    await controller((response) => response.writeHead(503).end('starting'));
    assert.deepEqual(await ask(), REPLY);
  });

  it('are not known if no controller replies in time, even while memory is freed', async () => {
    await controllers.close();
    controllers = new ControllerHomes('a secret', 'invoker0', undefined, 500);
    await controller(() => undefined);
    const free = setInterval(collectGarbage, 50);
    try {
      await assert.rejects(ask(), /^Error: no controller answers: no reply within 500 ms$/);
    } finally {
      clearInterval(free);
    }
  });

  it('are not known without a controller, with the reason', async () => {
    await assert.rejects(ask(), /^Error: no controller answers: no controller is known yet$/);
    await controller((response) => response.writeHead(503).end('starting'));
    await assert.rejects(ask(), /responded with status 503: starting/);
  });

  describe('and all invokers', () => {
    const ALL = {
      up: [{ instance: 1, url: 'http://a:1' }],
      away: [{ instance: 2, url: 'http://b:1', silentMs: 20_000 }],
    };

    it('are those of a controller that knows them', async () => {
      await controller((response, path) => response.end(JSON.stringify(path === INVOKERS_PATH ? ALL : REPLY)));
      // The first has started again. The second one is of an earlier version.
      await controller((response) => response.writeHead(503).end('does not know all'));
      await controller((response) => response.writeHead(404).end('does not exist'));
      assert.deepEqual(await controllers.askInvokers(), ALL);
      assert.deepEqual(await ask(), REPLY);
    });

    it('are not known without such a controller, with the reason', async () => {
      await controller(answer);
      await assert.rejects(controllers.askInvokers(), /^Error: no controller answers: .*expected array/s);
      await controllers.close();
      controllers = new ControllerHomes('a secret', 'invoker0');
      await controller((response) => response.writeHead(404).end('does not exist'));
      await assert.rejects(controllers.askInvokers(), /responded with status 404: does not exist/);
    });
  });
});
