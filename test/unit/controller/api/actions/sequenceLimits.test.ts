import assert from 'node:assert/strict';
import { checkSequence } from '../../../../../controller/api/actions/sequenceLimits.js';
import { readQualifiedName } from '../../../../../controller/invocation/qualifiedNames.js';
import { action, pkg, sequence, sourceOf } from '../../invocation/entities.js';

const source = sourceOf(
  action('ns/a'),
  pkg('ns/pkg'),
  action('ns/pkg/b'),
  pkg('ns/bound', [], 'ns/pkg'),
  sequence('ns/three', ['/ns/a', '/ns/pkg/b', '/ns/bound/b']),
  sequence('ns/six', ['/ns/three', '/ns/three']),
  sequence('ns/outer', ['/ns/a', '/ns/inner']),
  sequence('ns/inner', ['/ns/a']),
  sequence('ns/tick', ['/ns/tock']),
  sequence('ns/tock', ['/ns/tick']),
  sequence('ns/broken', ['/ns/gone']),
);

const check = (name: string, components: string[], limit = 50) =>
  checkSequence(
    source,
    readQualifiedName(name),
    components.map((component) => readQualifiedName(component)),
    limit,
  );

describe('checking a sequence', () => {
  it('takes actions, packaged ones, bound ones and other sequences', async () => {
    assert.equal(await check('/ns/new', ['/ns/a', '/ns/pkg/b', '/ns/bound/b', '/ns/three']), undefined);
  });

  it('counts the actions of the sequences in it', async () => {
    assert.equal(await check('/ns/new', ['/ns/six', '/ns/a'], 7), undefined);
    assert.equal(await check('/ns/new', ['/ns/six', '/ns/a'], 6), 'too long');
    assert.equal(await check('/ns/new', ['/ns/a', '/ns/a', '/ns/a'], 2), 'too long');
  });

  it('wants at least one component', async () => {
    assert.equal(await check('/ns/new', []), 'empty');
  });

  it('finds a sequence in itself: directly, through another one, and through a binding', async () => {
    assert.equal(await check('/ns/new', ['/ns/new']), 'cyclic');
    assert.equal(await check('/ns/inner', ['/ns/outer']), 'cyclic');
    assert.equal(await check('/ns/pkg/b', ['/ns/a', '/ns/bound/b']), 'cyclic');
    assert.equal(await check('/ns/pkg/b', ['/ns/three']), 'cyclic');
  });

  it('finds a cycle that does not go through the sequence itself', async () => {
    assert.equal(await check('/ns/new', ['/ns/tick']), 'cyclic');
  });

  it('misses components that do not exist, and packages', async () => {
    assert.equal(await check('/ns/new', ['/ns/a', '/ns/gone']), 'component missing');
    assert.equal(await check('/ns/new', ['/ns/nopkg/a']), 'component missing');
    assert.equal(await check('/ns/new', ['/ns/broken']), 'component missing');
    assert.equal(await check('/ns/nopkg/new', ['/ns/a']), 'component missing');
  });

  it('does not walk the same sequence again', async () => {
    let reads = 0;
    const doubling = sourceOf(
      action('ns/s0'),
      ...Array.from({ length: 40 }, (_, i) => sequence(`ns/s${i + 1}`, [`/ns/s${i}`])),
    );
    const counting = { ...doubling, getAction: (id: string) => (reads++, doubling.getAction(id)) };
    const components = Array.from({ length: 50 }, () => readQualifiedName('/ns/s40'));
    assert.equal(await checkSequence(counting, { path: 'ns', name: 'new' }, components, 50), undefined);
    assert.equal(reads, 41);
  });
});
