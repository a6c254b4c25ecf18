import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { LazyHttpClient } from '../../../../shared/objects/LazyHttpClient.js';

describe('LazyHttpClient', () => {
  let server: Server;
  let url: string;
  let made: number;
  let client: LazyHttpClient;

  beforeEach(async () => {
    server = createServer((req, res) => res.end(`${req.method} ${req.url}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    made = 0;
    client = new LazyHttpClient(({ Agent }) => {
      made++;
      return new Agent({ connections: 1 });
    });
  });
  afterEach(async () => {
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('makes its connections once, for the first request, and sends paths as they are', async () => {
    assert.equal(made, 0);
    const answers = await Promise.all(
      ['/a', '/./..'].map((path) => client.request(url, path, { method: 'PUT', body: 'x' })),
    );
    assert.deepEqual(await Promise.all(answers.map(({ body }) => body.text())), ['PUT /a', 'PUT /./..']);
    assert.equal(made, 1);
  });

  it('sends nothing after its close', async () => {
    await client.close();
    await assert.rejects(client.request(url, '/', { method: 'GET' }), /is closed/);
    assert.equal(made, 0);
  });

  it('ends requests at its close', async () => {
    server.removeAllListeners('request');
    const arrived = new Promise((resolve) => server.once('request', resolve));
    const refused = assert.rejects(client.request(url, '/', { method: 'GET' }), /destroyed|closed/);
    await arrived;
    await client.close();
    await refused;
  });
});
