import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildFault, detectDocker } from '../../../../../invoker/containers/docker/detect.js';
import { engineEndpoints, thisMachine, type Machine } from '../../../../../invoker/containers/docker/endpoints.js';

function machine(parts: Partial<Machine> & { readonly files?: Readonly<Record<string, string>> } = {}): Machine {
  const { files = {}, ...rest } = parts;
  return {
    platform: 'linux',
    environment: {},
    home: '/home/me',
    exists: (path) => path in files || Object.keys(files).some((file) => file.startsWith(`${path}/`)),
    read: (path) => files[path] ?? assert.fail(path),
    ...rest,
  };
}

const places = (parts: Parameters<typeof machine>[0]): string[] =>
  engineEndpoints(machine(parts)).map(({ place }) => place);

function context(name: string, host: string): Record<string, string> {
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = JSON.stringify({
    Name: name,
    Metadata: {},
    Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  });
  return { [`/home/me/.docker/contexts/meta/${hash}/meta.json`]: meta };
}

describe('the addresses of an engine', () => {
  it('are DOCKER_HOST alone if it is set', () => {
    const at = (host: string): string[] =>
      places({ environment: { DOCKER_HOST: host }, files: { '/var/run/docker.sock': '' } });
    assert.deepEqual(at('unix:///run/x.sock'), ['/run/x.sock']);
    assert.deepEqual(at('tcp://engine.example:99'), ['engine.example:99']);
    assert.deepEqual(at('engine.example'), ['engine.example:2375']);
    assert.deepEqual(at('ssh://me@engine.example'), ['ssh://me@engine.example']);
    assert.throws(() => at('ftp://x'), /^Error: DOCKER_HOST is 'ftp:\/\/x', which is not an address such as unix:/);
    assert.throws(() => at('tcp://'), /DOCKER_HOST is 'tcp:\/\/'/);
  });

  it('have the certificates that DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for', () => {
    const environment = { DOCKER_HOST: 'tcp://engine', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
    const files = { '/certs/ca.pem': 'CA', '/certs/cert.pem': 'CERT', '/certs/key.pem': 'KEY' };
    const [{ options }] = engineEndpoints(machine({ environment, files }));
    assert.deepEqual(options, { protocol: 'https', host: 'engine', port: '2376', ca: 'CA', cert: 'CERT', key: 'KEY' });
  });

  it('are the one of the CLI’s context', () => {
    const files = {
      '/home/me/.docker/config.json': '{"currentContext":"colima","auths":{}}',
      ...context('colima', 'unix:///home/me/.colima/default/docker.sock'),
      ...context('far', 'tcp://far.example:2375'),
    };
    assert.deepEqual(places({ files }), ['/home/me/.colima/default/docker.sock']);
    assert.deepEqual(places({ files, environment: { DOCKER_CONTEXT: 'far' } }), ['far.example:2375']);
    assert.deepEqual(places({ files, environment: { DOCKER_CONTEXT: 'default' } }), ['/var/run/docker.sock']);
    assert.throws(
      () => places({ files, environment: { DOCKER_CONTEXT: 'none' } }),
      /the Docker context 'none' does not exist/,
    );
    assert.throws(
      () => places({ files: { '/home/me/.docker/config.json': '{' } }),
      /\/home\/me\/\.docker\/config\.json cannot be read: SyntaxError/,
    );
  });

  it('are the sockets that exist: of Docker, Docker Desktop, WSL, Colima and Podman', () => {
    const there = (...paths: string[]): Record<string, string> => Object.fromEntries(paths.map((path) => [path, '']));
    const environment = { XDG_RUNTIME_DIR: '/run/user/1' };
    const linux = ['/var/run/docker.sock', '/run/user/1/docker.sock', '/mnt/wsl/shared-docker/docker.sock'];
    const podman = ['/run/podman/podman.sock', '/run/user/1/podman/podman.sock'];
    assert.deepEqual(places({ environment, files: there(...podman, ...linux) }), [...linux, ...podman]);
    const mac = ['/home/me/.docker/run/docker.sock', '/home/me/.colima/default/docker.sock'];
    assert.deepEqual(places({ platform: 'darwin', files: there(...mac) }), mac);
    assert.deepEqual(places({ platform: 'darwin' }), ['/var/run/docker.sock']);
    assert.deepEqual(places({ platform: 'win32' }), ['//./pipe/docker_engine']);
  });
});

describe('detecting an engine without an address', () => {
  let home: string;
  before(() => (home = mkdtempSync(join(tmpdir(), 'pw-home-'))));
  after(() => rmSync(home, { recursive: true }));
  const inHome = (): Machine => ({
    ...thisMachine(),
    platform: 'darwin',
    environment: {},
    home,
    exists: (path) => path.startsWith(home) && existsSync(path),
    read: (path) => readFileSync(path, 'utf8'),
  });

  it('names Docker’s own socket if none exists', async () => {
    const found = await detectDocker(undefined, 2000, {
      ...inHome(),
      environment: { DOCKER_HOST: `unix://${home}/none.sock` },
    });
    assert.deepEqual(found, { usable: false, reason: `there is no Docker socket at ${home}/none.sock` });
    const [{ place }] = engineEndpoints(inHome());
    assert.equal(place, '/var/run/docker.sock');
  });

  it('names a socket on which nothing listens any more, and takes the next one', async () => {
    const dead = join(home, '.docker/run/docker.sock');
    mkdirSync(dirname(dead), { recursive: true });
    // A process that is killed leaves its socket.
    const code = `require('net').createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', code]), 'exit');
    assert.deepEqual(await detectDocker(undefined, 2000, inHome()), {
      usable: false,
      reason: `no Docker daemon listens at ${dead}`,
    });

    const live = join(home, '.colima/default/docker.sock');
    mkdirSync(dirname(live), { recursive: true });
    const engine = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ OSType: 'linux', ServerVersion: '27.0', Architecture: 'aarch64' }));
    }).listen(live);
    await once(engine, 'listening');
    try {
      const found = await detectDocker(undefined, 2000, inHome());
      assert.ok(found.usable);
      assert.deepEqual(
        [found.version, found.reach, found.buildFault],
        ['27.0', 'port', 'images of our runtimes are built on Linux only'],
      );
    } finally {
      engine.close();
    }
  });

  it('says which setting is not valid', async () => {
    const found = await detectDocker(undefined, 2000, { ...inHome(), environment: { DOCKER_HOST: 'tcp://' } });
    assert.ok(!found.usable);
    assert.match(found.reason, /^DOCKER_HOST is 'tcp:\/\/'/);
  });
});

describe('whether images can be built for an engine', () => {
  it('is so on Linux, for the same architecture', () => {
    assert.equal(buildFault({ Architecture: 'x86_64' }, 'linux', 'x64'), undefined);
    assert.equal(buildFault({ Architecture: 'amd64' }, 'linux', 'x64'), undefined);
    assert.equal(buildFault({}, 'linux', 'x64'), undefined);
    assert.match(buildFault({ Architecture: 'aarch64' }, 'linux', 'x64') ?? '', /\(x64\).*\(aarch64\)/);
    assert.match(buildFault({}, 'darwin', 'arm64') ?? '', /on Linux only/);
  });
});
