import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CodeCache, discover, EVERYTHING } from '../../../../../deploy/commands/dev/discover.js';

const MAIN = 'function main() { return {}; }\n';

describe('the functions of a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-discover-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const file = (path: string, text = MAIN): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const names = async () =>
    (await discover(folder, {})).entities.map(({ collection, name }) => `${collection}/${name}`);

  it('are its sources, and its folders with a package.json', async () => {
    for (const path of [
      'a.js',
      'b.mjs',
      'c.py',
      'README.md',
      'a.test.js',
      'vite.config.ts',
      'types.d.ts',
      '_lib.js',
      '.x.js',
    ])
      file(path, path.endsWith('.py') ? 'def main(args):\n  return {}\n' : MAIN);
    file('d/package.json', '{"main":"index.js"}');
    file('d/index.js', 'exports.main = () => ({});');
    file('lib/util.js');
    file('node_modules/x/package.json', '{}');
    assert.deepEqual(await names(), ['actions/a', 'actions/b', 'actions/c', 'actions/d']);
  });

  it('are one if the folder itself is a package with an entry point', async () => {
    file('package.json', '{"main":"index.js"}');
    file('index.js', 'exports.main = () => ({});');
    const { entities } = await discover(folder, {});
    assert.equal(entities.length, 1);
    assert.equal(entities[0]?.source, folder);
  });

  it('are those of the manifest: packages, actions, sequences, triggers, feeds and rules', async () => {
    file('src/hello.js');
    file(
      'palette.yaml',
      `packages:
  tools:
    parameters: { greeting: Hi }
    public: true
    actions:
      hello:
        function: src/hello.js
        kind: nodejs:20
        color: '{postId}'
        web: raw
        annotations: { description: mine }
        limits: { timeout: 1000, memorySize: 128, concurrentActivations: 2 }
    sequences:
      twice: { actions: 'hello, /whisk.system/utils/echo' }
      again: { actions: ['hello, hello', hello] }
    triggers:
      tick: { feed: /whisk.system/alarms/interval, inputs: { minutes: 1 } }
      event:
    rules:
      onTick: { trigger: tick, action: hello }
`,
    );
    const { entities, faults } = await discover(folder, {});
    assert.deepEqual(faults, []);
    const body = (name: string) => entities.find((entity) => entity.name === name)?.body;
    assert.deepEqual(body('tools'), { parameters: [{ key: 'greeting', value: 'Hi' }], annotations: [], publish: true });
    assert.deepEqual(body('tools/hello'), {
      exec: { kind: 'nodejs:20', code: MAIN },
      parameters: [],
      annotations: [
        { key: 'description', value: 'mine' },
        { key: 'web-export', value: true },
        { key: 'raw-http', value: true },
        { key: 'final', value: true },
        { key: 'color', value: '{postId}' },
      ],
      limits: { timeout: 1000, memory: 128, concurrency: 2 },
    });
    assert.deepEqual(body('tools/twice')?.['exec'], {
      kind: 'sequence',
      components: ['/_/tools/hello', '/whisk.system/utils/echo'],
    });
    assert.deepEqual(body('tools/again')?.['exec'], {
      kind: 'sequence',
      components: ['/_/tools/hello', '/_/tools/hello', '/_/tools/hello'],
    });
    const tick = entities.find(({ name }) => name === 'tick');
    assert.deepEqual(tick?.feed, {
      action: '/whisk.system/alarms/interval',
      parameters: [{ key: 'minutes', value: 1 }],
    });
    assert.deepEqual(tick?.body, {
      parameters: [],
      annotations: [{ key: 'feed', value: '/whisk.system/alarms/interval' }],
    });
    assert.deepEqual(body('onTick'), { trigger: '/_/tick', action: '/_/tools/hello', annotations: [] });
  });

  it('that have a mistake are named with its place, and are not gone', async () => {
    file('cjs.js', 'function main() {\n  return {\n}\n');
    file('esm.js', 'export function main() {\n  return {\n}\n');
    file('good.js', 'export async function main() { return await import("node:fs"); }\n');
    file('mod.mjs', 'export const main = () => (;\n');
    file('pack/package.json', '{');
    file('py.py', 'def main(args):\n    return {\n');
    file('ts.ts', 'type A = { n: number };\nexport function main({ n }: A) {\n  return { n: };\n}\n');
    file('enum.ts', 'export const a = 1;\nenum Color { red }\n');
    file('folder/package.json', '{"type":"module","main":"index.js"}');
    file('folder/index.js', 'import { a } from "./src/part.js";\nexport const main = () => ({ a });\n');
    file('folder/src/part.js', 'export const a = 1;\nexport const b = ;\n');
    file('folder/node_modules/x/index.js', 'not a source of ours {');
    file('twin.js');
    file('twin.mjs', 'export const main = () => ({});');
    const { faults, faulty, entities } = await discover(folder, {});
    assert.deepEqual(
      entities.map(({ name }) => name),
      ['good', 'twin'],
    );
    const reasons = new Map(faults.map(({ file, reason }) => [file, reason]));
    // Versions of V8 and Python differ in the line of an end that comes too early.
    const early = (name: string): string => faults.find(({ file }) => file.startsWith(`${name}:`))?.reason ?? '';
    assert.match(early('cjs.js'), /^SyntaxError: Unexpected end of input$/);
    assert.match(early('esm.js'), /^SyntaxError: Unexpected end of input$/);
    assert.match(early('py.py'), /^SyntaxError: /);
    assert.match(reasons.get('mod.mjs:1') ?? '', /^SyntaxError: Unexpected token ';'$/);
    assert.match(reasons.get('ts.ts:3') ?? '', /^SyntaxError: Expression expected/);
    assert.match(reasons.get('enum.ts:2') ?? '', /enum.*not supported/);
    assert.match(reasons.get('folder/src/part.js:2') ?? '', /^SyntaxError: Unexpected token ';'$/);
    assert.match(early('pack/package.json'), /package\.json is not JSON/);
    assert.match(reasons.get('twin.mjs') ?? '', /the action twin is also in twin\.js/);
    assert.ok(faulty.has('actions/cjs'));
  });

  it('that have a mistake in the manifest are named, and the others are deployed', async () => {
    file('hello.js');
    file(
      'palette.yaml',
      `packages:
  default:
    actions: { hello: { function: hello.js }, gone: { function: none.js } }
    sequences:
      bad: { actions: [hello, a/b/c/d] }
      hello: { actions: [hello] }
      good: { actions: hello }
    triggers:
      unset: { parameters: { key: $PALETTE_WHISK_NOT_SET } }
      tick:
    rules:
      wrong: { trigger: tick, action: '' }
      onTick: { trigger: tick, action: good }
  more: { triggers: { tick: } }
`,
    );
    const { entities, faults, faulty } = await discover(folder, {});
    assert.deepEqual(entities.map(({ collection, name }) => `${collection}/${name}`).toSorted(), [
      'actions/good',
      'actions/hello',
      'packages/more',
      'rules/onTick',
      'triggers/tick',
    ]);
    assert.deepEqual([...faulty].toSorted(), [
      'actions/bad',
      'actions/gone',
      'actions/hello',
      'rules/wrong',
      'triggers/tick',
      'triggers/unset',
    ]);
    const texts = faults.map(({ file, reason }) => `${file}: ${reason}`).join('\n');
    assert.match(texts, /palette\.yaml: action bad: 'a\/b\/c\/d' is not a name/);
    assert.match(texts, /palette\.yaml: action hello: the manifest has two with this name/);
    assert.match(texts, /palette\.yaml: trigger tick: the manifest has two with this name/);
    assert.match(texts, /palette\.yaml: trigger unset: the environment variable PALETTE_WHISK_NOT_SET is not set/);
    assert.match(texts, /palette\.yaml: rule wrong: .* is not a name/);
    assert.match(texts, /none\.js: the file .* does not exist/);
  });

  it('that the file system does not give are named, and the others are deployed', async () => {
    file('a.js');
    file('pack/package.json', '{"main":"index.js"}');
    file('pack/index.js', 'exports.main = () => ({});');
    // A link to itself: even root cannot follow it.
    symlinkSync('loop.js', join(folder, 'loop.js'));
    const { entities, faults, faulty } = await discover(folder, {});
    assert.deepEqual(
      entities.map(({ name }) => name),
      ['a', 'pack'],
    );
    assert.deepEqual(
      faults.map(({ file }) => file),
      ['loop.js'],
    );
    assert.ok(faulty.has('actions/loop'));
  });

  it('of a manifest whose aliases grow without end are not read', async () => {
    const lines = ['a: &a [x]'];
    for (const [one, other] of ['ab', 'bc', 'cd', 'de', 'ef'])
      lines.push(`${other}: &${other} [${`*${one},`.repeat(10)}]`);
    file('palette.yaml', lines.join('\n'));
    const { faults, faulty } = await discover(folder, {});
    assert.equal(faults.length, 1);
    assert.equal(faults[0]?.file, 'palette.yaml');
    assert.ok(faulty.has(EVERYTHING));
  });

  it('have bindings from the dependencies of a manifest, and no API gateway', async () => {
    file('hello.js');
    file(
      'manifest.yaml',
      `packages:
  shop:
    apis:
      store:
        /shop:
          /items: { hello: { method: get, response: http } }
          carts/{id}: { hello: POST }
    dependencies:
      tools: { location: /whisk.system/utils, inputs: { n: 1 } }
      far: { location: github.com/apache/openwhisk-x/packages/y }
    actions: { hello: { function: hello.js } }
`,
    );
    const { entities, faults, faulty } = await discover(folder, {});
    assert.deepEqual(entities.find(({ name }) => name === 'tools')?.body, {
      binding: { namespace: 'whisk.system', name: 'utils' },
      parameters: [{ key: 'n', value: 1 }],
      annotations: [],
    });
    assert.ok(entities.some(({ name }) => name === 'shop/hello'));
    const [items, carts, far] = faults.map(({ file, reason }) => `${file}: ${reason}`);
    const refusal = "is not served, since there is no API gateway; call the web action ('web: true'):";
    const at = 'manifest.yaml: packages.shop.apis:';
    assert.equal(items, `${at} GET /shop/items ${refusal} GET /api/v1/web/NAMESPACE/shop/hello.http`);
    assert.equal(carts, `${at} POST /shop/carts/{id} ${refusal} POST /api/v1/web/NAMESPACE/shop/hello.json`);
    assert.match(far ?? '', /dependencies\.far: 'github\.com.*' is not a package.*clone/);
    assert.ok(faulty.has('packages/far'));
  });

  it('have the other fields of wskdeploy', async () => {
    file('hello.js');
    file('run.sh');
    file(
      'manifest.yaml',
      `packages:
  shop:
    description: a shop
    inputs:
    actions:
      plan: { function: hello.js, conductor: true, description: a plan, inputs: }
      run: { function: run.sh, native: true }
    triggers: { tick: { description: a tick } }
    rules: { onTick: { trigger: tick, action: plan, description: a rule } }
`,
    );
    const { entities, faults } = await discover(folder, {});
    assert.deepEqual(faults, []);
    const body = (name: string) => entities.find((entity) => entity.name === name)?.body;
    const described = (value: string) => [{ key: 'description', value }];
    assert.deepEqual(body('shop')?.['annotations'], described('a shop'));
    assert.deepEqual(body('shop/plan')?.['annotations'], [...described('a plan'), { key: 'conductor', value: true }]);
    assert.deepEqual(body('tick')?.['annotations'], described('a tick'));
    assert.deepEqual(body('onTick')?.['annotations'], described('a rule'));
    const exec = body('shop/run')?.['exec'] as Record<string, unknown>;
    assert.deepEqual([exec['kind'], exec['image']], ['blackbox', 'openwhisk/dockerskeleton']);
  });

  it('are all kept if the manifest cannot be read', async () => {
    file('manifest.yaml', 'packages: [');
    const { faults, faulty } = await discover(folder, {});
    assert.equal(faults[0]?.file, 'manifest.yaml');
    assert.ok(faulty.has(EVERYTHING));
  });

  it('are read again only if they changed', async () => {
    file('a.js');
    const cache = new CodeCache();
    const first = await cache.exec(join(folder, 'a.js'), {});
    assert.equal(await cache.exec(join(folder, 'a.js'), {}), first);
    file('a.js', `${MAIN}// changed\n`);
    assert.notEqual(await cache.exec(join(folder, 'a.js'), {}), first);
  });
});
