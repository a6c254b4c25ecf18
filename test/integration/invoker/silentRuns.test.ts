import assert from 'node:assert/strict';
import type { Container, ContainerDriver, ContainerResponse } from '../../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../../invoker/containers/docker/DockerDriver.js';
import { ProcessDriver } from '../../../invoker/containers/process/ProcessDriver.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { ensureDocker } from '../docker.js';
import { Installation } from './Installation.js';

const owner = `test-silent-${process.pid}`;
const ACTIVATIONS = 200;

const CODE = `
  const fs = require('node:fs');
  const { spawnSync } = require('node:child_process');
  const ways = {
    nothing() {},
    console: (text) => console.log(text),
    raw: (text) => fs.writeSync(1, text + '\\n'),
    child: (text) => spawnSync('/bin/sh', ['-c', 'echo ' + text], { stdio: 'inherit' }),
    later: (text) => void setTimeout(() => console.log(text), 1),
  };
  const main = async ({ how, text, ms }) => {
    if (ms) await new Promise((resolve) => setTimeout(resolve, ms));
    ways[how](text);
    return { pid: process.pid };
  };`;

const detected = await ensureDocker({ install: process.env['CI'] === 'true' });

/** Repeatable numbers from 0 to 1. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state / 0x80000000;
  }
}

/** The driver, with all responses to `/run`. */
function observed(driver: ContainerDriver): { driver: ContainerDriver; responses: ContainerResponse[] } {
  const responses: ContainerResponse[] = [];
  const create = async (...args: Parameters<ContainerDriver['create']>): Promise<Container> => {
    const container = await driver.create(...args);
    const post = container.post.bind(container);
    container.post = async (path, ...rest) => {
      const response = await post(path, ...rest);
      if (path === '/run') responses.push(response);
      return response;
    };
    return container;
  };
  return {
    driver: new Proxy(driver, {
      get: (target, key) => {
        if (key === 'create') return create;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    }),
    responses,
  };
}

function over(name: string, newDriver: () => ContainerDriver, pipes: boolean): void {
  describe(`logs of silent and printing activations over ${name}`, () => {
    let installation: Installation;
    let responses: ContainerResponse[];

    async function install(concurrency: number): Promise<void> {
      const seen = observed(newDriver());
      ({ responses } = seen);
      const limits = { concurrency: { min: 1, max: 10, std: 1 } };
      // There is room for one container.
      installation = await Installation.open({ driver: seen.driver, userMemoryMB: 256, limits });
      await installation.putAction('mix', CODE, { limits: { timeout: 60_000, memory: 256, logs: 10, concurrency } });
    }
    afterEach(() => installation.close());

    async function logs(how: string, text = '', ms = 0): Promise<string[]> {
      const record = await installation.invoke('mix', { content: { how, text, ms } });
      assert.equal(record?.response.statusCode, 0, JSON.stringify(record?.response));
      return record.logs.map((line) => line.slice(31));
    }

    it(`gives each of ${ACTIVATIONS} its own, in one container, one after the other and in crowds`, async () => {
      await install(1);
      const random = numbers(7);
      const silentPart = 0.8;
      for (let first = 0, size = 1; first < ACTIVATIONS; first += size) {
        size = random.next().value < 0.8 ? 1 : 4;
        const crowd = Array.from({ length: size }, (_, i) => first + i);
        await Promise.all(
          crowd.map(async (n) => {
            const dice = random.next().value;
            const how = dice < silentPart ? 'nothing' : dice < 0.9 ? 'console' : dice < 0.97 ? 'raw' : 'child';
            const expected = how === 'nothing' ? [] : [`stdout: line${n}`];
            assert.deepEqual(await logs(how, `line${n}`), expected, `${n}: ${how}`);
          }),
        );
      }
      const pids = new Set(responses.map(({ body }) => body));
      assert.equal(pids.size, 1);
      const silent = responses.filter((response) => response.silent).length;
      // Sockets cannot be watched.
      if (pipes) assert.ok(silent > ACTIVATIONS / 4, `${silent} activations were silent`);
      else assert.equal(silent, 0);
    });

    it('gives late lines to none that ended before, and none of its own to another', async () => {
      await install(1);
      for (let i = 0; i < 10; i++) await logs('nothing');
      for (let i = 0; i < 5; i++) {
        // On a busy machine the line comes before the end of its run; otherwise the next one runs meanwhile.
        const late = await logs('later', `late${i}`);
        const next = await logs('console', `own${i}`, 20);
        assert.equal(next.at(-1), `stdout: own${i}`);
        const others = [...late, ...next.slice(0, -1)];
        assert.ok(others.length === 0 || (others.length === 1 && others[0] === `stdout: late${i}`), others.join());
        for (let j = 0; j < 5; j++) assert.deepEqual(await logs('nothing'), []);
      }
    });

    it('loses no line of overlapping activations, and gives an activation that runs alone its own lines', async () => {
      await install(4);
      for (let i = 0; i < 10; i++) await logs('nothing');
      for (let i = 0; i < 10; i++) {
        const texts = [`a${i}`, `b${i}`, `c${i}`];
        const together = await Promise.all([
          ...texts.map((text, j) => logs('console', text, 1 + j)),
          logs('nothing', '', 2),
        ]);
        assert.deepEqual(
          together.flat().toSorted(),
          texts.map((text) => `stdout: ${text}`),
        );
        for (let j = 0; j < 6; j++) assert.deepEqual(await logs('nothing'), []);
        assert.deepEqual(await logs('raw', `alone${i}`), [`stdout: alone${i}`]);
      }
      if (pipes) assert.ok(responses.some((response) => response.silent));
    });
  });
}

over('process', () => new ProcessDriver({ logger: silentLogger, owner }), false);
if (detected.usable) {
  const { docker, reach } = detected;
  over('docker', () => new DockerDriver({ logger: silentLogger, owner, docker, reach }), true);
}
