import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { NATIVE_RUNTIME } from '../../../invoker/runtimes/image/nativeRoot.js';
import { PYTHON_RUNTIME } from '../../../invoker/runtimes/image/pythonRoot.js';
import { NODE_COMMAND, RECIPES } from '../../../invoker/runtimes/image/recipes.js';
import { RUNTIME_FOLDER, USER_ID } from '../../../invoker/runtimes/image/rootfs.js';
import { PYTHON_OPTIONS } from '../../../invoker/runtimes/python/hostPython.js';
import { eventually } from '../../e2e/eventually.js';

/** The instructions of each stage, by its name. */
function stages(dockerfile: string): Map<string, { readonly name: string; readonly rest: string }[]> {
  const found = new Map<string, { name: string; rest: string }[]>();
  let stage: { name: string; rest: string }[] = [];
  const lines = dockerfile
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  for (const line of lines) {
    const [name = '', ...rest] = line.trim().split(/\s+/);
    if (name === 'FROM') found.set(rest[2] ?? '', (stage = []));
    stage.push({ name, rest: rest.join(' ') });
  }
  return found;
}

const dockerfile = stages(readFileSync('deploy/docker/Dockerfile', 'utf8'));

describe('deploy/docker', () => {
  it('starts the runtimes as the images of this machine’s programs do', () => {
    const commands = {
      'action-nodejs': [...NODE_COMMAND, `${RUNTIME_FOLDER}/main.js`],
      'action-python': ['/usr/local/bin/python3', ...PYTHON_OPTIONS, PYTHON_RUNTIME],
      'action-native': [...NODE_COMMAND, NATIVE_RUNTIME],
    };
    for (const [stage, command] of Object.entries(commands)) {
      const said = new Map(dockerfile.get(stage)?.map(({ name, rest }) => [name, rest]));
      assert.deepEqual(JSON.parse(said.get('CMD') ?? ''), command, stage);
      assert.equal(said.get('USER'), `${USER_ID}:${USER_ID}`);
      assert.equal(said.get('EXPOSE'), '8080');
    }
  });

  it('copies files that exist', () => {
    for (const instructions of dockerfile.values()) {
      for (const { name, rest } of instructions) {
        if (name !== 'COPY' || rest.startsWith('--from=')) continue;
        for (const path of rest.split(' ').slice(0, -1)) {
          assert.ok(path.includes('*') || existsSync(path), path);
        }
      }
    }
  });

  it('takes all sources that other sources import', () => {
    const lines = readFileSync('.dockerignore', 'utf8').split('\n');
    const patterns = lines.filter((line) => line !== '' && !line.startsWith('#'));
    // The last pattern that fits decides, as in Docker.
    const ignored = (file: string): boolean => {
      const fits = (pattern: string): boolean =>
        file === pattern ||
        file.startsWith(`${pattern}/`) ||
        (pattern.startsWith('**/') && file.includes(pattern.slice(2)));
      const last = patterns.findLast((pattern) => fits(pattern.replace(/^!/, '')));
      return last !== undefined && !last.startsWith('!');
    };
    const folders = ['controller', 'deploy', 'docs', 'examples', 'invoker', 'shared', 'test'];
    const sources = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, name))
        .filter((file) => file.endsWith('.ts') && !ignored(file)),
    );
    assert.ok(sources.length > 500);
    for (const source of sources) {
      for (const [, name = ''] of readFileSync(source, 'utf8').matchAll(
        /^(?:import|\} from|export) .*'(\.[^']+)\.js';$/gm,
      )) {
        const imported = join(dirname(source), `${name}.ts`);
        assert.ok(
          !existsSync(imported) || !ignored(imported),
          `${source} imports ${imported}, which .dockerignore hides`,
        );
      }
    }
  });

  it('has a service of compose for each image of the runtimes', () => {
    const compose = parse(readFileSync('deploy/compose/docker-compose.yml', 'utf8'), { merge: true }) as {
      readonly services: Record<string, { readonly image: string; readonly build?: { readonly target: string } }>;
    };
    const actions = Object.entries(compose.services).filter(([name]) => name.startsWith('action-'));
    assert.deepEqual(
      actions.map(([, { image }]) => image).toSorted(),
      RECIPES.map(({ reference }) => reference).toSorted(),
    );
    for (const [name, { build }] of actions) assert.ok(build && dockerfile.has(build.target), name);
  });

  it('lays out a runtime of Node.js that needs nothing else', async function () {
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-layout-'));
    const layOut = fileURLToPath(new URL('../../../invoker/runtimes/layOut.js', import.meta.url));
    execFileSync(process.execPath, [layOut, folder]);
    for (const path of [PYTHON_RUNTIME, '/opt/palette-whisk/packages/palette_objects.py']) {
      assert.ok(existsSync(join(folder, 'python', path)), path);
    }
    assert.ok(existsSync(join(folder, 'native', NATIVE_RUNTIME)));

    const socketPath = join(folder, 'socket');
    const home = join(folder, 'nodejs/nodejsAction');
    const runtime = spawn(process.execPath, [join(folder, 'nodejs', RUNTIME_FOLDER, 'main.js')], {
      cwd: home,
      env: { HOME: home, PORT: socketPath },
      stdio: 'ignore',
    });
    try {
      await eventually(async () => {
        const connection = connect(socketPath);
        await once(connection, 'connect');
        connection.destroy();
      });
      const post = async (path: string, body: object): Promise<unknown> => {
        const sent = request({ socketPath, path, method: 'POST' });
        sent.end(JSON.stringify(body));
        const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
        return JSON.parse(await text(response));
      };
      // TypeScript, and both packages of actions.
      const code = `import openwhisk from 'openwhisk';
        import * as objects from 'palette-whisk/objects';
        export const main = ({ n }: { n: number }): object => ({ n, types: [typeof openwhisk, typeof objects] });`;
      assert.deepEqual(await post('/init', { value: { main: 'main', code } }), { OK: true });
      assert.deepEqual(await post('/run', { value: { n: 1 } }), { n: 1, types: ['function', 'object'] });
    } finally {
      runtime.kill('SIGKILL');
      await once(runtime, 'exit');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
