import assert from 'node:assert/strict';
import type Docker from 'dockerode';
import type { Container, ContainerSpec } from '../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../invoker/containers/docker/DockerDriver.js';
import { HOLDER_LABEL, OWNER_LABEL, type DockerSettings } from '../../invoker/containers/docker/settings.js';
import { silentLogger } from '../../shared/logging/Logger.js';
import { RUNTIME_IMAGE } from '../../shared/runtimes/image.js';
import { eventually } from '../e2e/eventually.js';

/** What holds of the network namespaces that a driver prepares for its containers. */
export function preparedNetworksSuite(docker: Docker, reach: DockerSettings['reach']): void {
  describe('prepared networks', () => {
    const options = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };
    let owners = 0;
    let owner = '';
    let driver: DockerDriver;
    const drivers: DockerDriver[] = [];

    const start = (settings: Partial<DockerSettings> = {}): DockerDriver => {
      const common = { docker, reach, logger: silentLogger, owner, preparedNetworks: 1 };
      const made = new DockerDriver({ ...common, ...settings });
      drivers.push(made);
      return made;
    };
    const spec = (name: string): ContainerSpec => ({
      name: `${owner}-${name}`,
      image: { kind: 'nodejs:20', reference: RUNTIME_IMAGE, pull: false },
      memoryMB: 128,
      environment: {},
      concurrency: 1,
    });
    const listed = (label: string) =>
      docker.listContainers({ all: true, filters: { label: [`${OWNER_LABEL}=${owner}`, label] } });
    const holders = () => listed(HOLDER_LABEL);
    /** Resolves to the holders when `count` of them run. */
    const running = (count: number) =>
      eventually(async () => {
        const found = await holders();
        assert.deepEqual(
          found.map(({ State }) => State),
          Array.from({ length: count }, () => 'running'),
        );
        return found;
      });
    const modeOf = async ({ id }: Container): Promise<string | undefined> =>
      (await docker.getContainer(id).inspect()).HostConfig.NetworkMode;
    /** A container in a prepared network. The engine runs the holder of one before it has told the driver so. */
    const createPrepared = (name: string, by = driver): Promise<Container> => {
      let tries = 0;
      return eventually(async () => {
        const container = await by.create(spec(`${name}-${++tries}`));
        if ((await modeOf(container))?.startsWith('container:')) return container;
        await container.destroy();
        throw new assert.AssertionError({ message: `no network was ready in ${tries} tries` });
      });
    };
    const answer = async (container: Container, code: string): Promise<unknown> => {
      await container.post('/init', JSON.stringify({ value: { main: 'main', code } }), options);
      return JSON.parse((await container.post('/run', '{"value":{}}', options)).body);
    };

    beforeEach(() => {
      owner = `networks-${process.pid}-${++owners}`;
      driver = start();
    });
    afterEach(async () => {
      for (const made of drivers.splice(0)) await made.close();
      assert.deepEqual(await listed(OWNER_LABEL), [], 'nothing is left behind');
    });

    it('serve one container each, and go with it', async () => {
      await driver.removeLeftovers();
      const [first] = await running(1);
      const one = await createPrepared('one');
      assert.equal(await modeOf(one), `container:${first?.Id}`);
      // Another one is prepared in the meantime; the used one stays.
      const two = await running(2).then(() => createPrepared('two'));
      assert.notEqual(await modeOf(two), await modeOf(one));
      await one.destroy();
      await eventually(async () => assert.ok(!(await holders()).some(({ Id }) => Id === first?.Id)));
      const three = await running(2).then(() => createPrepared('three'));
      assert.notEqual(await modeOf(three), await modeOf(two));
    });

    it('resolve names and know the same hosts as networks that containers have of their own', async () => {
      const settings = { dns: ['192.0.2.1'], dnsOptions: ['ndots:2'], extraHosts: ['api.example:192.0.2.2'] };
      const prepared = start(settings);
      await prepared.removeLeftovers();
      await running(1);
      const plain = start({ ...settings, owner: `${owner}-plain`, preparedNetworks: 0 });
      const code = `const fs = require('fs');
        const main = () => ({
          resolv: fs.readFileSync('/etc/resolv.conf', 'utf8'),
          hosts: fs.readFileSync('/etc/hosts', 'utf8').replace(/^172.*$/gm, ''),
          interfaces: Object.keys(require('os').networkInterfaces()),
        })`;
      const container = await createPrepared('prepared', prepared);
      const seen = await answer(container, code);
      assert.deepEqual(seen, await answer(await plain.create(spec('plain')), code));
      assert.match(JSON.stringify(seen), /api\.example/);
    });

    it('are not waited for: without a ready one a container has its own', async () => {
      const container = await driver.create(spec('early'));
      assert.doesNotMatch((await modeOf(container)) ?? '', /^container:/);
      assert.deepEqual(await answer(container, 'const main = () => ({ a: 1 })'), { a: 1 });
    });

    it('that are lost are replaced, and no start fails with them', async () => {
      await driver.removeLeftovers();
      const [first] = await running(1);
      const creation = driver.create(spec('hit'));
      await docker.getContainer(first?.Id ?? '').remove({ force: true });
      // Whether the container had joined before or not, it or its successor runs.
      const hit = await creation;
      await hit.destroy();
      const [next] = await running(1);
      assert.notEqual(next?.Id, first?.Id);
      await docker.getContainer(next?.Id ?? '').kill();
      const after = await driver.create(spec('after'));
      assert.deepEqual(await answer(after, 'const main = () => ({ a: 1 })'), { a: 1 });
    });

    it('are not made if none are asked for', async () => {
      const none = start({ preparedNetworks: 0 });
      await none.removeLeftovers();
      const container = await none.create(spec('none'));
      assert.doesNotMatch((await modeOf(container)) ?? '', /^container:/);
      assert.deepEqual(await holders(), []);
    });

    it('of a run that was killed are removed by the next one, and do not count as its containers', async () => {
      await driver.removeLeftovers();
      const [left] = await running(1);
      await driver.create(spec('left'));
      const later = start();
      assert.equal(await later.removeLeftovers(), 1);
      await eventually(async () => assert.ok(!(await holders()).some(({ Id }) => Id === left?.Id)));
    });
  });
}
