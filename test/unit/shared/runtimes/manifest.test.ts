import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  defaultManifestFile,
  describeRuntimes,
  loadManifest,
  parseManifest,
  pullsImage,
} from '../../../../shared/runtimes/manifest.js';

const image = { name: 'x' };

describe('runtimes manifest', () => {
  it('comes with a default that knows the kinds of OpenWhisk', () => {
    const runtimes = loadManifest();
    assert.equal(runtimes.resolve('nodejs:default')?.kind, 'nodejs:20');
    assert.equal(runtimes.resolve('nodejs:20')?.reference, 'palette-whisk/action-nodejs:local');
    assert.equal(runtimes.resolve('python:default')?.reference, 'palette-whisk/action-python:local');
    assert.equal(runtimes.resolve('python:3.10')?.reference, 'openwhisk/action-python-v3.10:nightly');
    assert.equal(runtimes.resolve('java:default')?.requireMain, true);
    assert.equal(runtimes.resolve('nodejs:4'), undefined);
    assert.deepEqual(runtimes.resolve('nodejs:20')?.stemCells, [
      {
        initialCount: 2,
        memoryMB: 256,
        reactive: { minCount: 1, maxCount: 4, ttlMs: 120_000, threshold: 1, increment: 1 },
      },
    ]);
  });

  it('comes with a second one, which names the images of Apache OpenServerless', () => {
    const file = join(defaultManifestFile(), '..', 'openserverless.json');
    const runtimes = loadManifest(file);
    assert.match(runtimes.resolve('go:default')?.reference ?? '', /^apache\/openserverless-runtime-go:v1\.22-\d+$/);
    assert.equal(runtimes.resolve('java:21')?.requireMain, true);
    const builtHere = [...loadManifest().kinds].filter(([, { image }]) => image.prefix === 'palette-whisk');
    assert.ok(builtHere.length > 0);
    for (const [kind, runtime] of builtHere) assert.deepEqual(runtimes.kinds.get(kind), runtime);
  });

  it('pulls users’ images, but neither known blackboxes nor images that are built here', () => {
    const runtimes = loadManifest();
    assert.equal(pullsImage(runtimes, 'someone/theirs'), true);
    assert.equal(pullsImage(runtimes, 'openwhisk/dockerskeleton:nightly'), false);
    assert.equal(pullsImage(runtimes, 'openwhisk/dockerskeleton'), true);
    assert.equal(pullsImage(runtimes, 'palette-whisk/action-nodejs:local'), false);
  });

  it('takes the only version of a family as its default', () => {
    const runtimes = parseManifest({ runtimes: { p1: [{ kind: 'p1', image }] } });
    assert.equal(runtimes.resolve('p1:default')?.kind, 'p1');
    assert.equal(runtimes.resolve('p1')?.attached, false);
    assert.equal(runtimes.resolve('p1')?.sentinelledLogs, true);
  });

  it('puts the installation’s registry before images without one, but not before local ones', () => {
    const runtimes = parseManifest(
      {
        runtimes: {
          a: [{ kind: 'a', image: { prefix: 'p', name: 'x' } }],
          b: [{ kind: 'b', image: { prefix: 'mine', name: 'x', tag: 't' } }],
          c: [{ kind: 'c', image: { registry: 'r.com', name: 'x' } }],
        },
      },
      { registry: 'reg.io:5000', localImagePrefix: 'mine' },
    );
    assert.deepEqual(
      ['a', 'b', 'c'].map((kind) => runtimes.kinds.get(kind)?.reference),
      ['reg.io:5000/p/x', 'mine/x:t', 'r.com/x'],
    );
  });

  it('describes the kinds with the fields that clients read', () => {
    const entry = { kind: 'j:8', image: { prefix: 'p', name: 'x', tag: 't' }, deprecated: true, requireMain: true };
    assert.deepEqual(describeRuntimes(parseManifest({ runtimes: { j: [entry] } })), {
      j: [{ kind: 'j:8', image: 'p/x:t', deprecated: true, default: false, attached: false, requireMain: true }],
    });
  });

  const refused: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ['two defaults', { runtimes: { k: ['1', '2'].map((kind) => ({ kind, image, default: true })) } }, /more than one/],
    [
      'several versions without a default',
      { runtimes: { k: ['1', '2'].map((kind) => ({ kind, image })) } },
      /no default/,
    ],
    ['a kind without an image', { runtimes: { k: [{ kind: '1' }] } }, /image/],
    ['a count of 0', withCell({ initialCount: 0, memory: '128 MB' }), /must be positive/],
    ['no count', withCell({ memory: '128 MB' }), /initialCount is required/],
    ['memory without a unit', withCell({ initialCount: 1, memory: '128' }), /Size Unit not supported/],
    ['something else', 'runtimes', /not valid/],
  ];
  for (const [what, json, message] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => parseManifest(json), message));
  }

  it('names the file that it cannot read', () => {
    assert.throws(() => loadManifest('/nowhere/runtimes.json'), /\/nowhere\/runtimes\.json/);
  });
});

function withCell(cell: object): unknown {
  return { runtimes: { k: [{ kind: '1', image, stemCells: [cell] }] } };
}
