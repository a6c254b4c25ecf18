import assert from 'node:assert/strict';
import { CircularBindingError } from '../../../../controller/refusals/refusals.js';
import { resolveAction, resolveActionName } from '../../../../controller/invocation/resolve.js';
import { action, pkg, sourceOf } from './entities.js';

const own = [{ key: 'own', value: 'action' }];
const source = sourceOf(
  action('ns/plain', { parameters: own }),
  pkg('ns/pkg', [
    { key: 'own', value: 'package' },
    { key: 'who', value: 'package' },
    { key: 'deep', value: 'package' },
  ]),
  action('ns/pkg/inner', { parameters: own }),
  pkg('me/bound', [{ key: 'who', value: 'binding' }], 'ns/pkg'),
  pkg('me/dangling', [], 'ns/gone'),
  pkg('me/loop', [], 'me/loop2'),
  pkg('me/loop2', [], 'me/loop'),
);

describe('resolving an action', () => {
  it('finds one in the default package with its own parameters', async () => {
    const found = await resolveAction(source, { path: 'ns', name: 'plain' });
    assert.equal(found?.action._id, 'ns/plain');
    assert.equal(found.binding, undefined);
    assert.deepEqual(found.parameters, own);
  });

  it('lays the action’s parameters over the package’s', async () => {
    const found = await resolveAction(source, { path: 'ns/pkg', name: 'inner' });
    assert.equal(found?.binding, undefined);
    assert.deepEqual(found?.parameters, [
      { key: 'own', value: 'action' },
      { key: 'who', value: 'package' },
      { key: 'deep', value: 'package' },
    ]);
  });

  it('goes through a binding, whose parameters lie between, and names it', async () => {
    const found = await resolveAction(source, { path: 'me/bound', name: 'inner' });
    assert.equal(found?.action._id, 'ns/pkg/inner');
    assert.equal(found.binding, 'me/bound');
    assert.deepEqual(found.parameters, [
      { key: 'own', value: 'action' },
      { key: 'who', value: 'binding' },
      { key: 'deep', value: 'package' },
    ]);
  });

  it('finds nothing if the action, its package or the bound package is missing', async () => {
    for (const path of ['ns', 'ns/pkg', 'ns/gone', 'me/bound', 'me/dangling']) {
      assert.equal(await resolveAction(source, { path, name: 'gone' }), undefined, path);
    }
  });

  it('refuses a binding that leads back to itself', async () => {
    await assert.rejects(resolveAction(source, { path: 'me/loop', name: 'x' }), new CircularBindingError('me/loop'));
  });

  it('passes on that a document is of another type', async () => {
    await assert.rejects(resolveAction(source, { path: 'ns', name: 'pkg' }), /not an action/);
    await assert.rejects(resolveAction(source, { path: 'ns/plain', name: 'x' }), /not a package/);
  });
});

describe('resolving the name of an action', () => {
  it('replaces the binding, and does not look for the action', async () => {
    const name = await resolveActionName(source, { path: 'me/bound', name: 'gone' });
    assert.deepEqual(name, { path: 'ns/pkg', name: 'gone' });
    assert.equal(await resolveActionName(source, { path: 'ns/gone', name: 'x' }), undefined);
  });
});
