import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { chooseContainers, type ChosenContainers } from '../../../../deploy/standalone/containers.js';
import type { Detection } from '../../../../invoker/containers/docker/detect.js';
import { UsageError } from '../../../../deploy/standalone/options.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { loadManifest } from '../../../../shared/runtimes/manifest.js';

const OURS = 'palette-whisk/action-nodejs:local';
const PUBLIC = 'openwhisk/action-nodejs-v20:nightly';
const FAULT = 'images of our runtimes are built on Linux only';

describe('the choice of containers on macOS and Windows', () => {
  let engine: Server;
  /** The images that the engine has, and those that its registry has. */
  let here: Set<string>;
  let pullable: Set<string>;
  let created: string[];
  let found: Detection;

  beforeEach(async () => {
    [here, pullable, created] = [new Set(), new Set(), []];
    engine = createServer((request, response) => {
      const path = decodeURIComponent(request.url ?? '');
      const image = /^\/(?:images|distribution)\/(.*)\/json$/.exec(path)?.[1] ?? '';
      const known = path.startsWith('/networks/') || (path.startsWith('/images') ? here : pullable).has(image);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => void chunks.push(chunk));
      request.on('end', () => {
        if (path.startsWith('/containers/create')) {
          created.push((JSON.parse(Buffer.concat(chunks).toString()) as { Image: string }).Image);
        }
        response.statusCode = known ? 200 : 404;
        response.setHeader('content-type', 'application/json');
        response.end(known ? '{}' : '{"message":"none"}');
      });
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    found = {
      usable: true,
      docker: new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port }),
      version: '27.0',
      reach: 'port',
      limitsDisk: false,
      buildFault: FAULT,
      sharesFiles: false,
    };
  });
  afterEach(() => {
    engine.closeAllConnections();
    engine.close();
  });

  function choose(
    platform: NodeJS.Platform,
    wanted?: 'docker' | 'process' | 'sandbox',
    detection: Detection = found,
  ): Promise<ChosenContainers> {
    return chooseContainers(wanted, silentLogger, loadManifest(), undefined, {
      platform,
      detect: async () => detection,
      sandbox: async () => ({ usable: false, reason: 'bubblewrap runs on Linux only' }),
    });
  }

  for (const [where, images] of [
    ['in the engine', () => here],
    ['in the registry', () => pullable],
  ] as const) {
    it(`is OpenWhisk’s image if it is ${where}`, async () => {
      images().add(PUBLIC);
      const chosen = await choose('darwin');
      assert.equal(chosen.kind, 'docker');
      assert.equal(
        chosen.reason,
        `Docker Engine 27.0 answers; ${FAULT}, so actions run in OpenWhisk's images (${PUBLIC})`,
      );
      assert.equal(await chosen.probe({ kind: 'nodejs:20', reference: OURS }), undefined);
      assert.match(
        (await chosen.probe({ kind: 'nodejs:22', reference: 'palette-whisk/action-nodejs-v22:local' })) ?? '',
        /the image openwhisk\/action-nodejs-v22:nightly is not here, and cannot be pulled/,
      );
      await assert.rejects(
        chosen.driver('tested').create({
          name: 'x',
          image: { kind: 'nodejs:20', reference: OURS, pull: false },
          memoryMB: 128,
          environment: {},
          concurrency: 1,
        }),
      );
      assert.equal(created[0], PUBLIC);
    });
  }

  it('is our image if it was built elsewhere and loaded', async () => {
    here.add(OURS);
    const chosen = await choose('darwin');
    assert.equal(chosen.kind, 'docker');
    assert.equal(await chosen.probe({ kind: 'nodejs:20', reference: OURS }), undefined);
  });

  it('is processes if there is no image, with the reason, and an error if Docker was asked for', async () => {
    const reason = `${FAULT}, and the image ${PUBLIC} is not here, and cannot be pulled`;
    const chosen = await choose('darwin');
    assert.equal(chosen.kind, 'process');
    assert.ok(chosen.reason.startsWith(reason), chosen.reason);
    assert.match(chosen.reason, /, and bubblewrap runs on Linux only; processes isolate nothing$/);
    await assert.rejects(choose('darwin', 'docker'), (error) => {
      assert.ok(error instanceof UsageError);
      assert.ok(error.message.startsWith(`--docker is not possible: ${reason}`), error.message);
      return true;
    });
  });

  it('is processes on macOS without Docker', async () => {
    const none: Detection = { usable: false, reason: 'there is no Docker socket at /var/run/docker.sock' };
    const chosen = await choose('darwin', undefined, none);
    assert.equal(chosen.kind, 'process');
    assert.match(chosen.reason, /^there is no Docker socket at .*; processes isolate nothing$/);
  });

  it('ends the start on Windows without an image, and says what to do', async () => {
    await assert.rejects(choose('win32'), /^UsageError: actions cannot run here: .* start Docker Desktop .* WSL$/);
    await assert.rejects(choose('win32', 'process'), /^UsageError: --process is not possible: .* WSL$/);
    here.add(PUBLIC);
    assert.equal((await choose('win32')).kind, 'docker');
  });
});
