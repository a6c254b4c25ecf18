import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { ObjectCaller } from '../callObjects.js';

const tags = (count: number): string => Array.from({ length: count }, (_, n) => `"e0x-${String(n)}"`).join(', ');

describe('the HTTP server of objects', () => {
  let server: ObjectHttpServer;
  let port: number;
  let objects: ObjectCaller;
  const heard: string[] = [];

  beforeEach(async () => {
    heard.length = 0;
    server = new ObjectHttpServer((request, response) => {
      heard.push(`${request.method} ${request.headers['if-match']?.length ?? 0}`);
      // One request stays open.
      if (request.url !== '/open') response.end('ok');
    });
    ({ port } = (await server.listen({ host: '127.0.0.1', port: 0 })).address() as AddressInfo);
    objects = new ObjectCaller({ host: '127.0.0.1', port });
  });
  afterEach(async () => {
    objects.close();
    await server.close(0);
  });

  const connected = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  /** What arrives until the end of the connection. */
  const received = async (socket: Socket): Promise<string> => {
    let text = '';
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk);
    return text;
  };

  it('takes a list of 3,000 tags', async () => {
    const list = tags(3000);
    assert.equal(await objects.text('/c/k', { method: 'PUT', headers: { 'if-match': list }, body: 'x' }), '200 ok');
    assert.deepEqual(heard, [`PUT ${list.length}`]);
  });

  it('refuses larger headers with a reason in JSON', async () => {
    const { status, headers, body } = await objects.call('/c/k', { headers: { 'if-match': tags(20_000) } });
    assert.equal(status, 431);
    assert.equal(headers['content-type'], 'application/json');
    const { error, code } = JSON.parse(body.toString()) as Record<string, unknown>;
    assert.equal(error, 'The headers of the request are too large.');
    assert.equal(typeof code, 'string');
    assert.deepEqual(heard, []);
  });

  it('refuses what is not HTTP', async () => {
    const socket = await connected();
    socket.end('nothing\r\n\r\n');
    assert.match(await received(socket), /^HTTP\/1\.1 400 .*"error":"The request is not valid HTTP\."/s);
  });

  it('sends no refusal that the caller would take for the response to an earlier request', async () => {
    const socket = await connected();
    socket.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\nnothing\r\n\r\n');
    assert.equal(await received(socket), '');
    assert.deepEqual(heard, ['GET 0']);
  });
});
