import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';
import type { Container, ContainerSpec } from '../../invoker/containers/ContainerDriver.js';
import { BUILT_BY_HAND } from '../../invoker/containers/docker/LocalImages.js';
import { NO_REGISTRIES } from '../../invoker/containers/docker/registries.js';
import type { OciProgram } from '../../invoker/containers/oci/detect.js';
import { OciDriver, type OciDriverOptions } from '../../invoker/containers/oci/OciDriver.js';
import { openBridge, parseSubnet } from '../../invoker/containers/oci/OciNetworks.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { eventually } from '../e2e/eventually.js';
import { containerDriverSuite } from './containerDriver.js';
import { writeLayout } from './ociLayout.js';

export const ociSubnet = parseSubnet('10.213.0.0/16') ?? assert.fail('not a subnet');
/** The user that is root in containers, as the settings have it. */
const FIRST_USER = 0x7000_0000;
const OWNERS = '/var/lib/palette-whisk/oci/owners';
const OPTIONS = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };

/** A driver with the standard settings, except for those that are given. */
export function ociDriver(
  docker: Docker | undefined,
  owner: string,
  settings: Partial<OciDriverOptions> & Pick<OciDriverOptions, 'program'>,
): OciDriver {
  return new OciDriver({
    owner,
    docker,
    subnet: ociSubnet,
    logger: silentLogger,
    preparedNetworks: 2,
    pidsLimit: 1024,
    openFiles: 1024,
    addCapabilities: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    localImagePrefix: 'palette-whisk',
    images: BUILT_BY_HAND,
    registries: NO_REGISTRIES,
    layouts: [],
    firstUser: FIRST_USER,
    ...settings,
  });
}

/** The behaviour of every driver, and what holds inside of containers of an OCI runtime. */
export function ociSuite(docker: Docker, program: OciProgram): void {
  containerDriverSuite(`oci-${program}`, async (owner) => {
    await openBridge(ociSubnet);
    return { driver: ociDriver(docker, owner, { program }), reference: RUNTIME_IMAGE };
  });

  describe(`a container of the OCI runtime ${program}`, function () {
    const owner = `oci-${program}-${process.pid}`;
    const driver = ociDriver(docker, owner, {
      program,
      pidsLimit: 64,
      openFiles: 200,
      dns: ['192.0.2.1'],
      extraHosts: ['api.example:192.0.2.2', 'host.docker.internal:host-gateway'],
    });
    let names = 0;
    const create = (spec: Partial<ContainerSpec> = {}, by = driver): Promise<Container> =>
      by.create({
        name: `${owner}-${++names}`,
        image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
        memoryMB: 128,
        environment: {},
        concurrency: 1,
        ...spec,
      });
    const init = async (container: Container, code: string): Promise<Container> => {
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), OPTIONS);
      return container;
    };
    const run = async (container: Container, value: object = {}): Promise<Record<string, unknown>> =>
      JSON.parse((await container.post('/run', JSON.stringify({ value }), OPTIONS)).body) as Record<string, unknown>;

    before(async () => {
      await openBridge(ociSubnet);
      await driver.removeLeftovers();
    });
    after(() => driver.close());

    it('is not made by a runtime that is frozen, which ends with the attempt', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'pw-frozen-'));
      const pidFile = join(folder, 'pid');
      writeFileSync(join(folder, program), `#!/bin/sh\necho $$ > ${pidFile}\nkill -STOP $$\n`, { mode: 0o755 });
      const path = process.env['PATH'];
      const hasty = ociDriver(docker, `${owner}-frozen`, { program, startMs: 2000 });
      try {
        process.env['PATH'] = `${folder}:${path}`;
        await assert.rejects(create({}, hasty), /the runtime did not start .* within 2 s/);
        const pid = readFileSync(pidFile, 'utf8').trim();
        await eventually(() => assert.equal(existsSync(`/proc/${pid}`), false));
      } finally {
        process.env['PATH'] = path;
        await hasty.close();
        rmSync(folder, { recursive: true });
      }
    });

    it('has no capability, no new privileges, its own user, and only the files of its image', async () => {
      const container = await init(
        await create(),
        `const fs = require('fs');
         const attempt = (work) => { try { return work() } catch (error) { return error.code } };
         const main = () => ({
           status: fs.readFileSync('/proc/self/status', 'utf8'),
           processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)),
           cgroup: fs.readFileSync('/proc/self/cgroup', 'utf8'),
           machine: fs.readdirSync('/'),
           kernel: attempt(() => fs.writeFileSync('/proc/sys/kernel/hostname', 'x')),
           system: attempt(() => fs.writeFileSync('/usr/written', '')),
           sysrq: attempt(() => fs.writeFileSync('/proc/sysrq-trigger', 'h')),
           devices: fs.readdirSync('/dev'),
           kcore: attempt(() => fs.readFileSync('/proc/kcore').length),
           own: attempt(() => { fs.writeFileSync('own', 'x'); fs.writeFileSync('/tmp/own', 'x'); return 'written' }),
           hosts: fs.readFileSync('/etc/hosts', 'utf8'),
           resolv: fs.readFileSync('/etc/resolv.conf', 'utf8'),
           limits: fs.readFileSync('/proc/self/limits', 'utf8'),
           interfaces: Object.keys(require('os').networkInterfaces()),
         })`,
      );
      const seen = await run(container);
      const text = (name: string): string => String(seen[name]);
      assert.match(text('status'), /^CapEff:\s+0+$/m);
      assert.match(text('status'), /^CapBnd:\s+0+$/m);
      assert.match(text('status'), /^NoNewPrivs:\s+1$/m);
      assert.match(text('status'), /^Seccomp:\s+2$/m);
      assert.match(text('status'), /^Uid:\s+10001\s/m);
      assert.deepEqual(seen['processes'], ['1']);
      assert.doesNotMatch(text('cgroup'), /palette-whisk/);
      assert.ok(!(seen['machine'] as string[]).includes('home'), text('machine'));
      assert.match(text('kernel'), /^E(ROFS|ACCES)$/);
      assert.match(text('system'), /^E(ROFS|ACCES)$/);
      assert.match(text('sysrq'), /^E(ROFS|ACCES|NOENT)$/);
      assert.ok(!(seen['devices'] as string[]).some((name) => /^(vd|sd|mem|kmsg)/.test(name)), text('devices'));
      assert.ok([0, 'EACCES', 'ENOENT'].includes(seen['kcore'] as string | number), text('kcore'));
      assert.equal(seen['own'], 'written');
      assert.match(text('hosts'), /^192\.0\.2\.2\tapi\.example$/m);
      assert.match(text('hosts'), /^10\.213\.0\.1\thost\.docker\.internal$/m);
      assert.match(text('resolv'), /^nameserver 192\.0\.2\.1$/m);
      assert.match(text('limits'), /^Max open files\s+200\s+200/m);
      assert.deepEqual(seen['interfaces'], ['lo', 'eth0']);
      await container.destroy();
    });

    it('is not a user of this machine, also as root of its image, unless users are not mapped', async () => {
      const reference = 'palette-whisk/oci-root:local';
      const base = await docker.createContainer({ Image: RUNTIME_IMAGE });
      const unmapped = ociDriver(docker, `${owner}-unmapped`, { program, firstUser: undefined });
      const outside = (container: Container, of = owner): number =>
        statSync(`/proc/${readFileSync(`${OWNERS}/${of}/bundles/${container.id}/pid`, 'utf8')}`).uid;
      const code = `const fs = require('fs');
        const main = () => {
          fs.writeFileSync('/tmp/mine', '');
          return {
            user: process.getuid(),
            owner: fs.statSync('/tmp/mine').uid,
            system: fs.statSync('/usr').uid,
            map: fs.readFileSync('/proc/self/uid_map', 'utf8').trim().split(/ +/).map(Number),
            interfaces: fs.readdirSync('/sys/class/net'),
          };
        }`;
      const map = [0, FIRST_USER, 65_536];
      const interfaces = ['eth0', 'lo'];
      try {
        const user = await init(await create(), code);
        assert.deepEqual(await run(user), { user: 10_001, owner: 10_001, system: 0, map, interfaces });
        assert.equal(outside(user), FIRST_USER + 10_001);
        await base.commit({ repo: 'palette-whisk/oci-root', tag: 'local', changes: 'USER 0' });
        const root = await init(await create({ image: { kind: 'k', reference, pull: false } }), code);
        assert.deepEqual(await run(root), { user: 0, owner: 0, system: 0, map, interfaces });
        assert.equal(outside(root), FIRST_USER);
        await unmapped.removeLeftovers();
        const plain = await init(await create({}, unmapped), code);
        const seen = await run(plain);
        assert.deepEqual({ ...seen, map: 0 }, { user: 10_001, owner: 10_001, system: 0, map: 0, interfaces });
        assert.equal(outside(plain, `${owner}-unmapped`), 10_001);
      } finally {
        await unmapped.close();
        await base.remove({ force: true });
        await docker
          .getImage(reference)
          .remove()
          .catch(() => undefined);
      }
    });

    it('reads its shared folder, which only root may reach outside, and cannot write it', async () => {
      const hidden = mkdtempSync(join(tmpdir(), 'pw-shared-'));
      const sharedFolder = join(hidden, 'shared');
      mkdirSync(sharedFolder, { mode: 0o755 });
      writeFileSync(join(sharedFolder, 'file'), 'shared');
      try {
        const code = `const fs = require('fs');
          const attempt = (work) => { try { return work() } catch (error) { return error.code } };
          const main = () => ({
            read: fs.readFileSync('${driver.seenAt()}/file', 'utf8'),
            written: attempt(() => fs.writeFileSync('${driver.seenAt()}/other', '')),
          })`;
        const container = await init(await create({ sharedFolder }), code);
        assert.deepEqual(await run(container), { read: 'shared', written: 'EROFS' });
        await container.destroy();
        assert.deepEqual(readdirSync(sharedFolder), ['file']);
      } finally {
        rmSync(hidden, { recursive: true });
      }
    });

    it('writes nothing that the next container of its image sees', async () => {
      const code = `const fs = require('fs');
        const main = () => { const seen = fs.existsSync('/tmp/left'); fs.writeFileSync('/tmp/left', ''); return { seen } }`;
      for (let i = 0; i < 2; i++) {
        const container = await init(await create(), code);
        assert.deepEqual(await run(container), { seen: false });
        await container.destroy();
      }
    });

    it('does not reach other containers, and reaches this machine', async () => {
      const service = createServer().listen(0, ociSubnet.gateway);
      await once(service, 'listening');
      const { port } = service.address() as AddressInfo;
      try {
        const code = `const main = ({ host, port, ms = 20000 }) => new Promise((resolve) => {
          const socket = require('net').connect(port, host);
          socket.once('connect', () => resolve({ reached: true })).once('error', () => resolve({ reached: false }));
          setTimeout(resolve, ms, { reached: false });
        })`;
        const address = `const main = () => ({ address: require('os').networkInterfaces().eth0[0].address })`;
        const [one, other] = await Promise.all([
          create().then((container) => init(container, code)),
          create().then((container) => init(container, address)),
        ]);
        const { address: neighbour } = await run(other);
        assert.match(String(neighbour), /^10\.213\./);
        assert.deepEqual(await run(one, { host: '127.0.0.1', port: 8080 }), { reached: true });
        assert.deepEqual(await run(one, { host: neighbour, port: 8080, ms: 1000 }), { reached: false });
        assert.deepEqual(await run(one, { host: ociSubnet.gateway, port }), { reached: true });
        assert.deepEqual(await run(one, { host: 'host.docker.internal', port }), { reached: true });
        await Promise.all([one.destroy(), other.destroy()]);
      } finally {
        service.close();
      }
    });

    it('holds the limit of processes against a fork bomb, beside which another container answers', async () => {
      const bomb = await init(
        await create(),
        `const { spawn } = require('child_process');
         const main = () => { spawn('/bin/sh', ['-c', 'b() { b | b & }; b'], { stdio: 'ignore' }); return {} }`,
      );
      const other = await init(
        await create(),
        `const main = () => ({ processes: require('fs').readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length })`,
      );
      await run(bomb);
      for (let i = 0; i < 5; i++) assert.deepEqual(await run(other), { processes: 1 });
      await Promise.all([bomb.destroy(), other.destroy()]);
    });

    it('tells a user whose image does not start, or cannot be pulled', async () => {
      const [repo, tag] = ['127.0.0.1:9/someone/oci-broken', 'v1'];
      const base = await docker.createContainer({ Image: RUNTIME_IMAGE });
      try {
        await base.commit({ repo, tag, changes: 'CMD ["/no/such/program"]' });
        const image = { kind: 'blackbox', reference: `${repo}:${tag}`, pull: true };
        await assert.rejects(create({ image }), {
          name: 'ContainerStartError',
          message: `The container image '${repo}:${tag}' does not start.`,
          imageFault: true,
        });
        const absent = { kind: 'blackbox', reference: '127.0.0.1:9/nobody/nothing', pull: true };
        await assert.rejects(create({ image: absent }), {
          message: "Failed to pull container image '127.0.0.1:9/nobody/nothing'.",
          imageFault: true,
        });
        const missing = { kind: 'nodejs:20', reference: 'palette-whisk/missing:local', pull: false };
        await assert.rejects(create({ image: missing }), /`npm run runtimes` builds it/);
      } finally {
        await base.remove({ force: true });
        await docker.getImage(`${repo}:${tag}`).remove();
      }
    });

    it('says why its files cannot be prepared', async () => {
      const sharedFolder = join(tmpdir(), 'pw-missing-folder');
      const image = { kind: 'blackbox', reference: RUNTIME_IMAGE, pull: false };
      await assert.rejects(create({ sharedFolder, image }), (error: Error & { imageFault: boolean }) => {
        assert.match(error.message, /^cannot prepare the files of .*mount: .*pw-missing-folder/s);
        assert.equal(error.imageFault, false);
        return true;
      });
    });

    it('notices at once that its image has another content', async function () {
      // It unpacks two images.
      this.timeout(600_000);
      const [repo, tag] = ['palette-whisk/oci-tagged', 'local'];
      const image = { kind: 'k', reference: `${repo}:${tag}`, pull: false };
      const base = await docker.createContainer({ Image: RUNTIME_IMAGE });
      const code = 'const main = () => ({ version: process.env.VERSION })';
      const started = async (): Promise<unknown> => {
        const container = await init(await create({ image }), code);
        const { version } = await run(container);
        await container.destroy();
        return version;
      };
      const made: string[] = [];
      const commit = async (version: number): Promise<void> => {
        const { Id } = (await base.commit({ repo, tag, changes: `ENV VERSION=${version}` })) as { Id: string };
        made.push(Id);
      };
      try {
        await commit(1);
        // The second one starts with what is known of the image.
        assert.deepEqual([await started(), await started()], ['1', '1']);
        await commit(2);
        // The event is on its way.
        await eventually(async () => assert.equal(await started(), '2'), 120_000);
      } finally {
        await base.remove({ force: true });
        for (const id of made) await docker.getImage(id).remove({ force: true });
      }
    });

    it('starts from an OCI layout, without an engine', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'pw-oci-layout-'));
      const reference = 'palette/from-layout:1';
      const base = await docker.createContainer({ Image: RUNTIME_IMAGE });
      const without = ociDriver(undefined, `${owner}-layout`, { program, layouts: [folder] });
      try {
        const files = join(folder, 'files.tar');
        await pipeline(await base.export(), createWriteStream(files));
        const added = join(folder, 'added');
        mkdirSync(join(added, 'etc'), { recursive: true });
        writeFileSync(join(added, 'etc', 'second-layer'), 'here');
        const { Config: config } = await docker.getImage(RUNTIME_IMAGE).inspect();
        writeLayout(folder, [
          { names: { 'org.opencontainers.image.ref.name': reference }, layers: [files, added], config },
        ]);
        await without.removeLeftovers();
        const image = { kind: 'blackbox', reference, pull: true };
        const code = `const main = () => ({ read: require('fs').readFileSync('/etc/second-layer', 'utf8'), uid: process.getuid() })`;
        const container = await init(await create({ image }, without), code);
        assert.deepEqual(await run(container), { read: 'here', uid: 10_001 });
        await assert.rejects(create({ image: { ...image, reference: 'palette/other:1' } }, without), {
          name: 'ContainerStartError',
          message: 'No layout of CONTAINER_OCI_LAYOUTS has the image palette/other:1.',
          imageFault: true,
        });
      } finally {
        await without.close();
        await base.remove({ force: true });
        rmSync(folder, { recursive: true });
      }
    });

    it('ends, also while it is paused, when the process that made it is killed; the next one removes the rest', async () => {
      const script = fileURLToPath(new URL('ociStartAndWait.js', import.meta.url));
      const child = spawn(process.execPath, [script, `${owner}-killed`, program], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let pids: number[];
      try {
        const [line] = (await once(child.stdout, 'data')) as [Buffer];
        pids = JSON.parse(line.toString()) as number[];
        assert.equal(pids.length, 2);
      } finally {
        child.kill('SIGKILL');
      }
      const isRunning = (pid: number): boolean => {
        try {
          return process.kill(pid, 0);
        } catch {
          return false;
        }
      };
      await eventually(async () => assert.deepEqual(pids.filter(isRunning), []));
      const later = ociDriver(docker, `${owner}-killed`, { program });
      assert.equal(await later.removeLeftovers(), 2);
      await later.close();
    });

    it('leaves no namespace, interface, group or file behind', async () => {
      const closing = ociDriver(docker, `${owner}-closing`, { program });
      await closing.removeLeftovers();
      await create({}, closing);
      await closing.close();
      const owners = readdirSync(OWNERS);
      assert.ok(!owners.includes(`${owner}-closing`), owners.join());
    });
  });
}
