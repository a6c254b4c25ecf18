import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, ObjectsError, type Objects } from '../../../../../shared/objects/client/index.js';

/** The most requests of a process that are under way at a time, and the most waits. */
const REQUESTS = 64;
const WAITS = 256;

describe('the connections of palette-whisk/objects', () => {
  let server: Server;
  let objects: Objects;
  /** The responses that the server owes. */
  const open: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  let onRequest: () => void = () => undefined;

  beforeEach(async () => {
    server = createServer((request, response) => {
      open.push({ request, response });
      onRequest();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address);
    objects = connect(`http://127.0.0.1:${address.port}`, 't');
  });
  afterEach(async () => {
    objects.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    open.length = 0;
    onRequest = () => undefined;
  });

  /** Resolves when the server owes so many responses. */
  const owed = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onRequest = () => {
        if (open.length === count) resolve();
      };
      onRequest();
    });
  const respond = (): void => {
    for (const { response } of open.splice(0)) response.writeHead(404, { 'Content-Length': 0 }).end();
  };

  it('are at most 64: a further request waits within its time, and then fails with the reason', async () => {
    const gets = Array.from({ length: REQUESTS }, (_, n) => objects.get('c', `k${n}`));
    await owed(REQUESTS);
    await assert.rejects(objects.get('c', 'late', { timeoutMs: 5 }), (error: unknown) => {
      assert.ok(error instanceof ObjectsError);
      assert.equal(error.status, 0);
      assert.match(error.message, /^The request got no connection within 5 ms: 64 other requests/);
      return true;
    });
    const patient = objects.get('c', 'patient');
    respond();
    assert.deepEqual(await Promise.all(gets), Array.from({ length: REQUESTS }));
    await owed(1);
    assert.equal(open[0]?.request.url, '/c/patient');
    respond();
    assert.equal(await patient, undefined);
  });

  it('leave room for a write beside any number of waits', async () => {
    const waits = Array.from({ length: WAITS + 20 }, () => objects.wait('c', 'k', { since: '"a"' }));
    await owed(WAITS);
    const put = objects.put('c', 'k', 'x');
    await owed(WAITS + 1);
    assert.equal(open.at(-1)?.request.method, 'PUT');
    open.pop()?.response.writeHead(201, { 'Content-Length': 0, ETag: '"b"' }).end();
    assert.equal((await put).created, true);
    respond();
    // The waits that had no connection yet get one now.
    await owed(20);
    respond();
    assert.ok((await Promise.all(waits)).every((found) => found === undefined));
  });
});
