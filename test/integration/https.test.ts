import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Agent, request } from 'undici';
import { HttpServer } from '../../controller/http/HttpServer.js';
import { controllerConfig } from '../../shared/config/controllerConfig.js';
import { openssl, pkcs12, selfSigned, signed } from './certificates.js';

const LEAST = { KAFKA_HOSTS: 'kafka:9092', CONFIG_whisk_couchdb_host: 'couch', CONTROLLER_ID: '0' };
const PASSWORD = 'openwhisk';

describe('a server with HTTPS, as the settings say', () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  let stop: (() => Promise<void>) | undefined;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'https-'));
    selfSigned(folder, 'server');
    selfSigned(folder, 'stranger');
    signed(folder, 'member');
    pkcs12(folder, 'server', PASSWORD);
    pkcs12(folder, 'member', PASSWORD, [path('ca.pem')]);
  });
  afterEach(async () => {
    await stop?.();
    stop = undefined;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const settings = (keystore: string, more: Record<string, string> = {}): Record<string, string> => ({
    ...LEAST,
    CONFIG_whisk_controller_protocol: 'https',
    CONFIG_whisk_controller_https_keystorePath: path(keystore),
    CONFIG_whisk_controller_https_keystorePassword: PASSWORD,
    CONFIG_whisk_controller_https_keystoreFlavor: 'PKCS12',
    ...more,
  });
  const clientAuth = { CONFIG_whisk_controller_https_clientAuth: 'true' };

  /** Its port. */
  async function serve(environment: Record<string, string>): Promise<number> {
    const server = new HttpServer((_, res) => res.end('served'), { tls: controllerConfig(environment).tls });
    const { port } = await server.listen(0, '127.0.0.1');
    stop = () => server.stop(0);
    return port;
  }

  /** What a client is answered that trusts `authority`, and shows the certificate `own`. */
  async function ask(port: number, authority: string, own?: string): Promise<string> {
    const shown =
      own === undefined ? {} : { cert: readFileSync(path(`${own}.crt`)), key: readFileSync(path(`${own}.key`)) };
    const dispatcher = new Agent({ connect: { ca: readFileSync(path(authority)), ...shown } });
    try {
      const answer = await request(`https://127.0.0.1:${port}/`, { dispatcher });
      return await answer.body.text();
    } finally {
      await dispatcher.close();
    }
  }

  it('cuts off a client that does not agree on encryption in time', async () => {
    const { tls } = controllerConfig(settings('server.p12'));
    const server = new HttpServer((_, res) => res.end('served'), { tls, handshakeMs: 50 });
    const { port } = await server.listen(0, '127.0.0.1');
    stop = () => server.stop(0);
    const silent = connect(port, '127.0.0.1');
    silent.resume();
    await once(silent, 'close');
  });

  it('is not made unless it is asked for', () => {
    assert.equal(
      controllerConfig({ ...settings('server.p12'), CONFIG_whisk_controller_protocol: 'http' }).tls,
      undefined,
    );
    assert.equal(controllerConfig(LEAST).tls, undefined);
  });

  for (const keystore of ['server.p12', 'server.pem']) {
    it(`shows the certificate of ${keystore}`, async () => {
      const port = await serve(settings(keystore));
      assert.equal(await ask(port, 'server.crt'), 'served');
      await assert.rejects(ask(port, 'stranger.crt'), /self.signed/);
    });

    it(`admits a client that shows the certificate of ${keystore} itself, if clients must show one`, async () => {
      const port = await serve(settings(keystore, clientAuth));
      assert.equal(await ask(port, 'server.crt', 'server'), 'served');
      await assert.rejects(ask(port, 'server.crt'));
      await assert.rejects(ask(port, 'server.crt', 'stranger'));
    });
  }

  it('lets in who shows a certificate of the authority in the keystore', async () => {
    const port = await serve(settings('member.p12', clientAuth));
    assert.equal(await ask(port, 'ca.pem', 'member'), 'served');
    await assert.rejects(ask(port, 'ca.pem', 'server'));
  });

  it('goes on after a client that speaks plain HTTP, and one that breaks off', async () => {
    const port = await serve(settings('server.p12'));
    const plain = connect(port, '127.0.0.1', () => plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    assert.doesNotMatch(await text(plain), /HTTP/);
    const broken = connect(port, '127.0.0.1', () => broken.destroy());
    await once(broken, 'close');
    assert.equal(await ask(port, 'server.crt'), 'served');
  });

  it('says in one line what is wrong with a keystore', () => {
    const complaint = (environment: Record<string, string>): string => {
      try {
        controllerConfig(environment);
      } catch (error) {
        return (error as Error).message;
      }
      return assert.fail('it was accepted');
    };
    const name = 'CONFIG_whisk_controller_https_keystorePath';
    assert.match(
      complaint({ ...LEAST, CONFIG_whisk_controller_protocol: 'https' }),
      new RegExp(`^${name} is missing: `),
    );
    assert.match(complaint(settings('none.p12')), new RegExp(`^${name} cannot be read: ENOENT`));
    const wrong = complaint(settings('server.p12', { CONFIG_whisk_controller_https_keystorePassword: 'another' }));
    assert.equal(wrong, `${name} cannot be used: mac verify failure`);
    assert.match(complaint(settings('server.crt')), new RegExp(`^${name} cannot be used: `));
    assert.equal(
      complaint(settings('server.p12', { CONFIG_whisk_controller_https_keystoreFlavor: 'JKS' })),
      "CONFIG_whisk_controller_https_keystoreFlavor must be one of PKCS12, PEM, not 'JKS'",
    );
  });

  it('says how to convert a keystore that an old tool has made', () => {
    const pair = ['-in', path('server.crt'), '-inkey', path('server.key')];
    openssl('pkcs12', '-export', '-legacy', '-passout', `pass:${PASSWORD}`, ...pair, '-out', path('old.p12'));
    assert.throws(
      () => controllerConfig(settings('old.p12')),
      /keystorePath cannot be used: its encryption is too old: create it again with openssl pkcs12 -export/,
    );
  });
});
