import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import fc from 'fast-check';
import {
  detectDocker,
  mayLimitDisk,
  reachOf,
  sharesFiles,
  unusable,
} from '../../../../../invoker/containers/docker/detect.js';
import { FrameDecoder } from '../../../../../invoker/containers/docker/FrameDecoder.js';
import { NO_GPUS_TEXT, refusalOf } from '../../../../../invoker/containers/docker/gpus.js';
import { pullPolicy } from '../../../../../invoker/containers/docker/Images.js';
import { containerOptions, DEFAULT_DOCKER_SETTINGS } from '../../../../../invoker/containers/docker/settings.js';
import type { StreamName } from '../../../../../invoker/containers/logs/LogBuffer.js';

describe('frames of Docker’s log stream', () => {
  it('are taken apart however they are cut', () => {
    const frames = fc.array(
      fc.tuple(fc.constantFrom<StreamName>('stdout', 'stderr'), fc.uint8Array({ maxLength: 30 })),
    );
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 40 }), (written, size) => {
        const bytes = Buffer.concat(
          written.flatMap(([stream, data]) => {
            const header = Buffer.alloc(8);
            header[0] = stream === 'stderr' ? 2 : 1;
            header.writeUInt32BE(data.length, 4);
            return [header, Buffer.from(data)];
          }),
        );
        const read: Record<StreamName, Buffer[]> = { stdout: [], stderr: [] };
        const decoder = new FrameDecoder((stream, chunk) => read[stream].push(Buffer.from(chunk)));
        for (let at = 0; at < bytes.length; at += size) decoder.decode(bytes.subarray(at, at + size));
        for (const stream of ['stdout', 'stderr'] as const) {
          const expected = written.filter(([name]) => name === stream).map(([, data]) => Buffer.from(data));
          assert.deepEqual(Buffer.concat(read[stream]), Buffer.concat(expected));
        }
      }),
    );
  });
});

describe('the disk of a container', () => {
  const on = (Driver: string, filesystem?: string) =>
    mayLimitDisk({ Driver, DriverStatus: filesystem === undefined ? null : [['Backing Filesystem', filesystem]] });

  it('may be limited by storage drivers with quotas alone', () => {
    assert.equal(on('overlay2', 'xfs'), true);
    assert.equal(on('btrfs'), true);
    assert.equal(on('zfs', 'extfs'), true);
    for (const [driver, filesystem] of [
      ['overlay2', 'extfs'],
      ['overlay2'],
      ['vfs', 'xfs'],
      ['overlayfs', 'xfs'],
    ] as const) {
      assert.equal(on(driver, filesystem), false, driver);
    }
    assert.equal(mayLimitDisk({}), false);
  });
});

describe('pulling images', () => {
  const cases: ReadonlyArray<readonly [string, boolean, string]> = [
    ['someone/action', true, 'required'],
    ['someone/action:latest', true, 'required'],
    ['someone/action:v1', true, 'tried'],
    [`someone/action@sha256:${'0'.repeat(64)}`, true, 'tried'],
    ['openwhisk/action-python-v3.11:nightly', false, 'ifMissing'],
    ['palette-whisk/action-nodejs:local', false, 'never'],
    ['palette-whisk/action-nodejs:local', true, 'never'],
    ['registry.example/palette-whisk/action-nodejs:local', false, 'ifMissing'],
  ];
  for (const [reference, pull, policy] of cases) {
    it(`${reference}${pull ? ', a user’s,' : ''} is ${policy}`, () => {
      assert.equal(pullPolicy({ kind: 'k', reference, pull }, 'palette-whisk'), policy);
    });
  }
});

describe('the requests to Docker', () => {
  const spec = {
    name: 'a/b',
    image: { kind: 'k', reference: 'r', pull: false },
    memoryMB: 256,
    environment: { A: '1' },
    concurrency: 2,
  };
  const settings = { ...DEFAULT_DOCKER_SETTINGS, owner: 'o' };

  it('lets a container that may run several at once know it', () => {
    assert.deepEqual(containerOptions(spec, settings).Env, ['__OW_ALLOW_CONCURRENT=true', 'A=1']);
    assert.deepEqual(containerOptions({ ...spec, concurrency: 1 }, settings).Env, ['A=1']);
  });

  it('limits the disk only if there is a setting', () => {
    assert.deepEqual(containerOptions(spec, { ...settings, diskBytes: 5000 }).HostConfig?.StorageOpt, { size: '5000' });
    assert.equal(containerOptions(spec, settings).HostConfig?.StorageOpt, undefined);
  });

  it('asks for GPUs as `docker run --gpus` does, and only if there is a setting', () => {
    const requested = (gpus: typeof settings.gpus): unknown =>
      containerOptions(spec, { ...settings, gpus }).HostConfig?.DeviceRequests;
    const gpu = { Driver: '', Capabilities: [['gpu']] };
    assert.deepEqual(requested('all'), [{ ...gpu, Count: -1 }]);
    assert.deepEqual(requested(2), [{ ...gpu, Count: 2 }]);
    assert.deepEqual(requested(['0', 'GPU-3a']), [{ ...gpu, DeviceIDs: ['0', 'GPU-3a'] }]);
    assert.equal(requested(undefined), undefined);
  });

  it('publishes the proxy’s port on this machine only, and only if there is no other way', () => {
    assert.equal(containerOptions(spec, settings).HostConfig?.PortBindings, undefined);
    assert.deepEqual(containerOptions(spec, { ...settings, reach: 'port' }).HostConfig?.PortBindings, {
      '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    });
  });
});

describe('an error of the engine for a container with GPUs', () => {
  it('says that there is no driver for GPUs', () => {
    const error = new Error('could not select device driver "" with capabilities: [[gpu]]');
    assert.equal(refusalOf(error), NO_GPUS_TEXT);
  });

  it('names the fault of the GPUs in one line', () => {
    const said =
      'failed to create task: OCI runtime create failed: error running hook #0: stderr: \n' +
      'nvidia-container-cli: device error: 9: unknown device: unknown';
    assert.equal(
      refusalOf(new Error(said)),
      `Docker cannot give containers the GPUs of CONTAINER_GPUS: ${said.replace('\n', '').replace('  ', ' ')}`,
    );
    assert.match(refusalOf(new Error('unresolvable CDI devices nvidia.com/gpu=7')) ?? '', /gpu=7$/);
  });

  it('is not about GPUs if the devices were ready: the container has no command', () => {
    const said = 'unable to start container process: exec: "/nothing": stat /nothing: no such file or directory';
    assert.equal(refusalOf(new Error(said)), undefined);
  });
});

describe('detecting Docker', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'pw-detect-'))));
  after(() => rm(folder, { recursive: true }));

  it('says that there is no socket', async () => {
    const socketPath = join(folder, 'none.sock');
    assert.deepEqual(await detectDocker(new Docker({ socketPath })), {
      usable: false,
      reason: `there is no Docker socket at ${socketPath}`,
    });
  });

  it('says that no process listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address);
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(await detectDocker(new Docker({ host: '127.0.0.1', port: address.port })), {
      usable: false,
      reason: `no Docker daemon listens at 127.0.0.1:${address.port}`,
    });
  });

  it('says that the daemon does not answer', async () => {
    const socketPath = join(folder, 'mute.sock');
    const server = createServer(() => undefined).listen(socketPath);
    try {
      assert.deepEqual(await detectDocker(new Docker({ socketPath }), 20), {
        usable: false,
        reason: `the Docker daemon at ${socketPath} did not answer in 0.02 s`,
      });
    } finally {
      server.close();
    }
  });

  it('says that the socket may not be used', () => {
    const error = Object.assign(new Error('connect EACCES'), { code: 'EACCES' });
    assert.match(unusable(error, '/var/run/docker.sock'), /may not use .*\/var\/run\/docker\.sock .*group docker/);
  });

  it('reaches containers by published ports if there is no route to them', () => {
    assert.equal(reachOf({ OperatingSystem: 'Debian GNU/Linux 12' }, 'linux'), 'address');
    assert.equal(reachOf({ OperatingSystem: 'Docker Desktop' }, 'linux'), 'port');
    assert.equal(reachOf({ SecurityOptions: ['name=seccomp', 'name=rootless'] }, 'linux'), 'port');
    assert.equal(reachOf({}, 'darwin'), 'port');
  });

  it('tells whether the engine sees the files of this process', () => {
    const here = { Name: 'host1' };
    assert.equal(sharesFiles(here, 'address', '/var/run/docker.sock', 'host1', false), true);
    assert.equal(sharesFiles(here, 'address', '/var/run/docker.sock', 'host1', true), false);
    assert.equal(sharesFiles(here, 'address', '/var/run/docker.sock', '3f2a1b', false), false);
    assert.equal(sharesFiles(here, 'address', '10.0.0.1:2375', 'host1', false), false);
    assert.equal(sharesFiles(here, 'port', '/var/run/docker.sock', 'host1', false), false);
  });
});
