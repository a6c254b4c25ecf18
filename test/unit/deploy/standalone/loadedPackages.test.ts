import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const at = (path: string): string => new URL(`../../../../${path}.js`, import.meta.url).toString();
/** The modules of a standalone server with processes as containers. */
const MODULES = ['server', 'controller', 'invoker', 'start'].map((name) => at(`deploy/standalone/${name}`));
/** Each of these has a hundred files or more, or is for engines that a standalone server does not use. */
const UNUSED = ['kafkajs', 'undici', 'nano'];
/** The modules for Docker's containers. */
const DOCKER_MODULES = ['detect', 'DockerDriver', 'network', 'probeKind'].map((name) =>
  at(`invoker/containers/docker/${name}`),
);
/** What dockerode, express and winston load for tasks that no server has. */
const DEFERRED = [
  '@grpc/grpc-js',
  'protobufjs',
  'ssh2',
  'tar-stream',
  'raw-body',
  'iconv-lite',
  'mime-db',
  'side-channel',
];

/** The packages that a process has loaded after it imported the modules as `deploy/standalone/start.ts` does. */
async function packagesOf(modules: readonly string[]): Promise<string[]> {
  const script = `
    import { createRequire } from 'node:module';
    import { deferSeldomUsed } from ${JSON.stringify(at('shared/process/deferModules'))};
    deferSeldomUsed();
    for (const path of ${JSON.stringify(modules)}) await import(path);
    const paths = Object.keys(createRequire(import.meta.url).cache);
    const packages = paths.map((path) => /.*node_modules.((?:@[^/\\\\]+.)?[^/\\\\]+)/.exec(path)?.[1] ?? path);
    console.log(JSON.stringify([...new Set(packages)]));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  return JSON.parse(stdout) as string[];
}

describe('the modules of a standalone server', () => {
  it('load no clients of Kafka and CouchDB, and no HTTP client', async () => {
    const loaded = await packagesOf(MODULES);
    // The list is that of the server.
    assert.ok(loaded.includes('express'), loaded.join());
    assert.deepEqual(
      loaded.filter((name) => UNUSED.includes(name)),
      [],
    );
  });

  it('load nothing of Docker’s client, of express and of winston that only other programs use', async () => {
    const loaded = await packagesOf([at('shared/logging/winston'), ...DOCKER_MODULES, ...MODULES]);
    for (const name of ['dockerode', 'docker-modem', 'express', 'winston']) assert.ok(loaded.includes(name), name);
    assert.deepEqual(
      loaded.filter((name) => DEFERRED.includes(name)),
      [],
    );
  });
});
