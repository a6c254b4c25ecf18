import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type {
  Container,
  ContainerDriver,
  ContainerResponse,
  ContainerSpec,
} from '../../invoker/containers/ContainerDriver.js';
import { Cgroups } from '../../invoker/containers/cgroups/Cgroups.js';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { chooseContainers } from '../../deploy/standalone/containers.js';
import { gpuRefusal, NO_GPUS_TEXT } from '../../invoker/containers/docker/gpus.js';
import { actionNetwork, ISOLATED_NETWORK } from '../../invoker/containers/docker/network.js';
import { OWNER_LABEL } from '../../invoker/containers/docker/settings.js';
import { ProcessDriver } from '../../invoker/containers/process/ProcessDriver.js';
import { detectSandbox } from '../../invoker/containers/process/sandbox.js';
import { DOCKER_SETTINGS, dockerConfig } from '../../shared/config/invokerConfig.js';
import { readSettings } from '../../shared/config/Setting.js';
import { processProbe } from '../../invoker/containers/process/probeKind.js';
import { NODE_MAJORS } from '../../invoker/runtimes/versions/NodeBinaries.js';
import { NODE_IMAGES, RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { detectOci } from '../../invoker/containers/oci/detect.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { eventually } from '../e2e/eventually.js';
import { containerDriverSuite } from '../suites/containerDriver.js';
import { ociSuite } from '../suites/ociDriver.js';
import { ensureDocker } from './docker.js';
import { preparedNetworksSuite } from '../suites/preparedNetworks.js';

containerDriverSuite('process', async (owner) => ({
  driver: new ProcessDriver({ owner, logger: silentLogger }),
  reference: '',
}));

describe('kinds of Node.js as processes', function () {
  const driver = new ProcessDriver({ owner: `versions-${process.pid}`, logger: silentLogger });
  after(() => driver.close());

  for (const major of NODE_MAJORS) {
    it(`run nodejs:${major} on Node.js ${major}`, async () => {
      assert.equal(await processProbe()({ kind: `nodejs:${major}`, reference: '' }), undefined);
      assert.match(await versionIn(driver, `nodejs:${major}`, ''), new RegExp(`^v${major}\\.`));
    });
  }

  it('refuse a version that npm does not bring for the runtime', async () => {
    assert.match((await processProbe()({ kind: 'nodejs:14', reference: '' })) ?? '', /Node\.js 14 is not supported/);
    await assert.rejects(versionIn(driver, 'nodejs:14', ''), /kind 'nodejs:14' cannot run here: Node\.js 14/);
  });
});

/** The version on which an action of TypeScript runs. */
async function versionIn(driver: ContainerDriver, kind: string, reference: string): Promise<string> {
  const container = await driver.create({
    name: `version-${process.pid}-${kind.replace(':', '')}`,
    image: { kind, reference, pull: false },
    memoryMB: 256,
    environment: {},
    concurrency: 1,
  });
  const options = { timeoutMs: 240_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
  const code = 'export const main = (): { version: string } => ({ version: process.version })';
  await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
  const { body } = await container.post('/run', '{}', options);
  await container.destroy();
  return String((JSON.parse(body) as { version: unknown }).version);
}

const sandbox = await detectSandbox();
if (sandbox.usable) {
  containerDriverSuite('sandboxed process', async (owner) => ({
    driver: new ProcessDriver({ owner, logger: silentLogger, sandbox: true }),
    reference: '',
  }));

  describe('sandboxed process', function () {
    const driver = new ProcessDriver({ owner: `sandbox-${process.pid}`, logger: silentLogger, sandbox: true });
    after(() => driver.close());

    it('sees no process, file or secret of this machine, and writes its own folder and /tmp alone', async () => {
      const outside = join(mkdtempSync(join(tmpdir(), 'pw-outside-')), 'file');
      writeFileSync(outside, 'secret');
      const container = await driver.create({
        name: 'sandboxed',
        image: { kind: 'nodejs:20', reference: '', pull: false },
        memoryMB: 128,
        environment: {},
        concurrency: 1,
      });
      const options = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };
      const code = `const fs = require('fs');
        const attempt = (work) => { try { return work() } catch (error) { return error.code } };
        const main = ({ outside }) => ({
          processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)),
          outside: attempt(() => fs.readFileSync(outside, 'utf8')),
          shadow: attempt(() => fs.readFileSync('/etc/shadow', 'utf8')),
          system: attempt(() => fs.writeFileSync('/usr/written', '')),
          own: attempt(() => { fs.writeFileSync('own', 'x'); fs.writeFileSync('/tmp/own', 'x'); return 'written' }),
          capabilities: /^CapEff:\\s+(\\w+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1],
          client: typeof require('openwhisk'),
        })`;
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      const { body } = await container.post('/run', JSON.stringify({ value: { outside } }), options);
      assert.deepEqual(JSON.parse(body), {
        processes: ['1'],
        outside: 'ENOENT',
        shadow: 'ENOENT',
        system: 'EROFS',
        own: 'written',
        capabilities: '0000000000000000',
        client: 'function',
      });
      await container.destroy();
      rmSync(dirname(outside), { recursive: true });
    });

    it('holds the limit of processes against a fork bomb, if control groups are usable', async function () {
      const opened = await Cgroups.open(`probe-${process.pid}`);
      if (!opened.usable) this.skip();
      await opened.cgroups.close();
      const limited = new ProcessDriver({
        owner: `bomb-${process.pid}`,
        logger: silentLogger,
        sandbox: true,
        pidsLimit: 64,
      });
      try {
        const options = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };
        const bomb = await limited.create({
          name: 'bomb',
          image: { kind: 'nodejs:20', reference: '', pull: false },
          memoryMB: 256,
          environment: {},
          concurrency: 1,
        });
        const code = `const { spawn } = require('child_process');
          const { readdirSync } = require('fs');
          const main = () => {
            for (let i = 0; i < 100; i++) spawn('/bin/sleep', ['60']).on('error', () => {});
            return { processes: readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length };
          }`;
        await bomb.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
        const { body } = await bomb.post('/run', '{"value":{}}', options);
        const { processes } = JSON.parse(body) as { processes: number };
        assert.ok(processes > 20 && processes <= 64, `${processes} processes`);
        await bomb.destroy();
      } finally {
        await limited.close();
      }
    });
  });
} else {
  describe('container driver: sandboxed process', () => {
    it(`needs bubblewrap: ${sandbox.reason}`, function () {
      if (process.env['CI'] === 'true') assert.fail(sandbox.reason);
      this.skip();
    });
  });
}

for (const program of ['runc', 'crun'] as const) {
  const oci = await detectOci(program);
  if (oci.usable) ociSuite(oci.docker, program);
  else {
    describe(`container driver: oci, ${program}`, () => {
      it(`needs this OCI runtime: ${oci.reason}`, function () {
        if (process.env['CI'] === 'true') assert.fail(oci.reason);
        this.skip();
      });
    });
  }
}

const detected = await ensureDocker({
  install: process.env['CI'] === 'true',
  images: NODE_IMAGES.map(({ reference }) => reference),
});
if (!detected.usable) {
  describe('container driver: docker', () => {
    it(`needs Docker: ${detected.reason}`, function () {
      if (process.env['CI'] === 'true') assert.fail(detected.reason);
      this.skip();
    });
  });
} else {
  const { docker, reach } = detected;
  containerDriverSuite('docker', async (owner) => ({
    driver: new DockerDriver({ owner, docker, reach, logger: silentLogger }),
    reference: RUNTIME_IMAGE,
  }));
  containerDriverSuite('docker, by published ports', async (owner) => ({
    driver: new DockerDriver({ owner, docker, reach: 'port', logger: silentLogger }),
    reference: RUNTIME_IMAGE,
  }));

  containerDriverSuite('docker, with prepared networks', async (owner) => ({
    driver: new DockerDriver({ owner, docker, reach, logger: silentLogger, preparedNetworks: 2 }),
    reference: RUNTIME_IMAGE,
  }));
  preparedNetworksSuite(docker, reach);

  describe('kinds of Node.js in Docker', function () {
    const driver = new DockerDriver({ owner: `versions-${process.pid}`, docker, reach, logger: silentLogger });
    after(() => driver.close());

    for (const { reference, major } of NODE_IMAGES) {
      it(`run nodejs:${major} on Node.js ${major}`, async () => {
        assert.match(await versionIn(driver, `nodejs:${major}`, reference), new RegExp(`^v${major}\\.`));
      });
    }
  });

  describe('what Docker is told of a container', function () {
    const owner = `told-${process.pid}`;
    const driver = new DockerDriver({
      owner,
      docker,
      reach,
      logger: silentLogger,
      pidsLimit: 64,
      dns: ['192.0.2.1'],
      extraHosts: ['api.example:192.0.2.2'],
      ulimits: [{ name: 'nofile', soft: 200, hard: 300 }],
    });
    const spec: ContainerSpec = {
      name: `${owner}/a b`,
      image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
      memoryMB: 128,
      environment: { A: 'x=y' },
      concurrency: 1,
    };
    after(() => driver.close());

    it('limits and isolates it, and says whose it is', async () => {
      const container = await driver.create(spec);
      const info = await docker.getContainer(container.id).inspect();
      assert.equal(info.Name, `/${owner}_a_b`);
      assert.equal(info.Config.Labels[OWNER_LABEL], owner);
      assert.ok(info.Config.Env.includes('A=x=y'));
      const { HostConfig: host } = info;
      assert.equal(host.Memory, 128 * 1024 * 1024);
      assert.equal(host.MemorySwap, host.Memory);
      assert.equal(host.PidsLimit, 64);
      assert.deepEqual(host.CapDrop, ['ALL']);
      assert.deepEqual(host.SecurityOpt, ['no-new-privileges']);
      assert.deepEqual(host.Dns, ['192.0.2.1']);
      assert.deepEqual(host.ExtraHosts, ['api.example:192.0.2.2']);
      assert.deepEqual(host.Ulimits, [{ Name: 'nofile', Soft: 200, Hard: 300 }]);
    });

    it('holds inside: no capability, no new privileges, its own user', async () => {
      const container = await driver.create({ ...spec, name: `${owner}-inside` });
      const options = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };
      const code =
        'const main = () => ({ status: require("fs").readFileSync("/proc/self/status", "utf8"), hosts: require("fs").readFileSync("/etc/hosts", "utf8") })';
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      const { body } = await container.post('/run', '{}', options);
      const { status, hosts } = JSON.parse(body) as { status: string; hosts: string };
      assert.match(status, /^CapEff:\s+0+$/m);
      assert.match(status, /^CapBnd:\s+0+$/m);
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      assert.match(status, /^Uid:\s+10001\s/m);
      assert.match(hosts, /^192\.0\.2\.2\s+api\.example$/m);
    });

    it('says what builds an image of ours that is missing', async () => {
      const image = { kind: 'nodejs:20', reference: 'palette-whisk/missing:local', pull: false };
      await assert.rejects(driver.create({ ...spec, name: `${owner}-local`, image }), {
        name: 'ContainerStartError',
        message: 'The image palette-whisk/missing:local is not here; `npm run runtimes` builds it.',
        imageFault: true,
      });
    });

    it('holds the limit of processes against a fork bomb, beside which another container answers', async () => {
      const options = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };
      const [bomb, other] = await Promise.all(
        ['bomb', 'other'].map((n) => driver.create({ ...spec, name: `${owner}-${n}` })),
      );
      assert.ok(bomb && other);
      const init = (container: Container, code: string) =>
        container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      await init(other, 'const main = () => ({ alive: true })');
      await init(
        bomb,
        `const { spawn } = require('child_process');
        const main = () => { spawn('/bin/sh', ['-c', 'b() { b | b & }; b'], { stdio: 'ignore' }); return {} }`,
      );
      await bomb.post('/run', '{"value":{}}', options);
      const processes = async (id: string): Promise<number> =>
        (await docker.getContainer(id).stats({ stream: false })).pids_stats?.current ?? Number.POSITIVE_INFINITY;
      let most = 0;
      for (let i = 0; i < 10 && most < 60; i++) {
        const current = await processes(bomb.id);
        assert.ok(current <= 64, `${current} processes`);
        most = Math.max(most, current);
        const answer: ContainerResponse = await other.post('/run', '{"value":{}}', options);
        assert.equal(answer.status, 200);
      }
      assert.ok(most >= 30, `the bomb made ${most} processes`);
      await Promise.all([bomb.destroy(), other.destroy()]);
    });

    it('limits the disk of containers, or says once that the engine cannot', async () => {
      const warnings: string[] = [];
      const limited = new DockerDriver({
        owner: `${owner}-disk`,
        docker,
        reach,
        logger: { ...silentLogger, warn: (text) => void warnings.push(text) },
        diskBytes: 1024 ** 3,
      });
      try {
        const names = ['1', '2', '3'].map((n) => `${owner}-disk-${n}`);
        const containers = await Promise.all(names.map((name) => limited.create({ ...spec, name })));
        for (const { id } of containers) {
          const { HostConfig: host } = await docker.getContainer(id).inspect();
          assert.deepEqual(host.StorageOpt?.['size'], warnings.length === 0 ? String(1024 ** 3) : undefined);
        }
        assert.ok(warnings.length <= 1, warnings.join());
        if (!detected.limitsDisk) assert.match(warnings[0] ?? '', /^containers may fill the disk/);
      } finally {
        await limited.close();
      }
    });

    it('tells a user whose image cannot be pulled', async () => {
      for (const reference of ['127.0.0.1:9/nobody/nothing', '127.0.0.1:9/nobody/nothing:v1']) {
        const image = { kind: 'blackbox', reference, pull: true };
        await assert.rejects(driver.create({ ...spec, name: `${owner}-blackbox`, image }), {
          name: 'ContainerStartError',
          message: `Failed to pull container image '${reference}'.`,
          imageFault: true,
        });
      }
    });

    it('runs a user’s image that is here and cannot be pulled, unless its tag asks for the latest', async () => {
      const [repo, tag] = ['127.0.0.1:9/someone/action', 'v1'];
      const source = docker.getImage(RUNTIME_IMAGE);
      try {
        await source.tag({ repo, tag });
        await source.tag({ repo, tag: 'latest' });
        const image = { kind: 'blackbox', reference: `${repo}:${tag}`, pull: true };
        const container = await driver.create({ ...spec, name: `${owner}-here`, image });
        assert.ok(container.running);
        await container.destroy();
        const latest = { ...image, reference: repo };
        await assert.rejects(driver.create({ ...spec, name: `${owner}-latest`, image: latest }), /Failed to pull/);
      } finally {
        for (const name of [tag, 'latest']) await docker.getImage(`${repo}:${name}`).remove();
      }
    });

    it('keeps containers apart in the default network, which reaches this machine', async function () {
      if (reach !== 'address') this.skip();
      // Two processes that start at once make one network.
      const networks = await Promise.all([1, 2, 3].map(() => actionNetwork(docker, ISOLATED_NETWORK)));
      assert.deepEqual(networks.slice(1), [networks[0], networks[0]]);
      const [network] = networks;
      assert.ok(network?.isolated);
      const { gateway } = network;
      assert.ok(gateway);
      const service = createServer().listen(0, gateway);
      await once(service, 'listening');
      const { port } = service.address() as AddressInfo;
      const name = `${owner}-apart`;
      const apart = new DockerDriver({
        owner,
        docker,
        logger: silentLogger,
        network: network.name,
        extraHosts: [`host.docker.internal:${gateway}`],
      });
      try {
        const [one, other] = await Promise.all(['1', '2'].map((n) => apart.create({ ...spec, name: `${name}-${n}` })));
        assert.ok(one && other);
        const { NetworkSettings } = await docker.getContainer(other.id).inspect();
        const neighbour = NetworkSettings.Networks[network.name]?.IPAddress;
        assert.ok(neighbour);
        const options = { timeoutMs: 240_000, maxResponseBytes: 10_000, truncationBytes: 10_000 };
        const code = `const main = ({ host, port, ms }) => new Promise((resolve) => {
          const socket = require('net').connect(port, host);
          socket.once('connect', () => resolve({ reached: true })).once('error', () => resolve({ reached: false }));
          setTimeout(resolve, ms, { reached: false });
        })`;
        for (const container of [one, other])
          await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
        const reaches = async (from: Container, host: string, at: number, ms = 20_000): Promise<string> =>
          (await from.post('/run', JSON.stringify({ value: { host, port: at, ms } }), options)).body;
        assert.equal(await reaches(one, '127.0.0.1', 8080), '{"reached":true}');
        assert.equal(await reaches(one, neighbour, 8080, 1000), '{"reached":false}');
        assert.equal(await reaches(one, gateway, port), '{"reached":true}');
        assert.equal(await reaches(one, 'host.docker.internal', port), '{"reached":true}');
      } finally {
        await apart.close();
        service.close();
      }
    });

    describe('asked for a GPU that this machine does not have', () => {
      const gpus = ['no-such-gpu'];
      const refusal = (text: string): boolean => text === NO_GPUS_TEXT || text.includes('no-such-gpu');

      it('says so before the first action, and leaves neither a container nor an image', async () => {
        const images = async (): Promise<number> =>
          (await docker.listImages({ filters: { dangling: ['true'] } })).length;
        const before = await images();
        const refused = await gpuRefusal(docker, gpus, `${owner}-gpus`);
        assert.ok(refused !== undefined && refusal(refused), refused);
        const filters = { label: [`${OWNER_LABEL}=${owner}-gpus`] };
        assert.deepEqual(await docker.listContainers({ all: true, filters }), []);
        assert.equal(await images(), before);
      });

      it('does not start a standalone server', async () => {
        const settings = dockerConfig(readSettings(DOCKER_SETTINGS, { CONTAINER_GPUS: 'device=no-such-gpu' }));
        await assert.rejects(
          chooseContainers('docker', silentLogger, { kinds: new Map() }, settings),
          (error: Error) => error.name === 'UsageError' && refusal(error.message),
        );
      });
    });

    it('says which network is missing', async () => {
      await assert.rejects(actionNetwork(docker, 'no-such-network'), {
        message:
          "the Docker network 'no-such-network' does not exist: create it, or name another network in " +
          'CONFIG_whisk_containerFactory_containerArgs_network',
      });
      const bridge = await actionNetwork(docker, 'bridge');
      assert.equal(bridge.isolated, false);
    });

    it('makes nothing that stays when a container cannot start', async () => {
      const lost = new DockerDriver({
        owner: `${owner}-lost`,
        docker,
        logger: silentLogger,
        network: 'no-such-network',
      });
      await assert.rejects(lost.create({ ...spec, name: `${owner}-lost` }), { name: 'ContainerStartError' });
      await lost.close();
      const filters = { label: [`${OWNER_LABEL}=${owner}-lost`] };
      await eventually(async () => assert.deepEqual(await docker.listContainers({ all: true, filters }), []));
    });
  });
}
