import assert from 'node:assert/strict';
import { bindingOf, newPackage, revisedPackage } from '../../../../../controller/api/packages/revise.js';
import { readPackageBody } from '../../../../../controller/api/packages/packageBody.js';
import { actionsAndFeeds, packageView } from '../../../../../controller/api/packages/packageView.js';
import type { Json } from '../../../../../shared/entities/keyvalue.js';

const MB = 1024 * 1024;
const body = (json: Json) => readPackageBody(json, 'ns', MB);
const binding = { namespace: 'ns', name: 'provider' };

describe('a new package', () => {
  it('has the fields of its body, and defaults for the rest', () => {
    const made = newPackage('ns', 'p', body({ parameters: [{ key: 'a', value: 1 }] }), 7);
    assert.deepEqual(made, {
      _id: 'ns/p',
      entityType: 'package',
      namespace: 'ns',
      name: 'p',
      binding: {},
      parameters: [{ key: 'a', value: 1 }],
      version: '0.0.1',
      publish: false,
      annotations: [],
      updated: 7,
    });
    assert.equal(bindingOf(made), undefined);
  });

  it('that is a binding says so in an annotation, whatever the body says', () => {
    const annotations = [
      { key: 'binding', value: 'forged' },
      { key: 'mine', value: 1 },
    ];
    const made = newPackage('ns', 'b', body({ binding: { namespace: '_', name: 'provider' }, annotations }), 7);
    assert.deepEqual([bindingOf(made), made.binding], [binding, binding]);
    assert.deepEqual(made.annotations, [
      { key: 'mine', value: 1 },
      { key: 'binding', value: binding },
    ]);
  });
});

describe('a revised package', () => {
  const old = { ...newPackage('ns', 'b', body({ binding: { namespace: '_', name: 'provider' } }), 7), _rev: '1-0' };

  it('keeps the fields that the body leaves out, and raises the version', () => {
    const revised = revisedPackage(old, body({}), 8);
    assert.deepEqual(revised, { ...old, version: '0.0.2', updated: 8 });
  });

  it('takes the fields of the body', () => {
    const other = { namespace: 'x', name: 'y' };
    const revised = revisedPackage(old, body({ binding: other, version: '3.0.1', publish: true, annotations: [] }), 8);
    assert.deepEqual([revised.binding, revised.version, revised.publish], [other, '3.0.1', true]);
    assert.deepEqual(revised.annotations, [{ key: 'binding', value: other }]);
  });
});

describe('a package as it is shown', () => {
  it('has nothing that is the store’s', () => {
    const view = packageView({ ...newPackage('ns', 'p', body({}), 7), _rev: '1-0' });
    assert.deepEqual(Object.keys(view).toSorted(), [
      'annotations',
      'binding',
      'name',
      'namespace',
      'parameters',
      'publish',
      'updated',
      'version',
    ]);
  });

  it('tells feeds from actions by their annotation, whatever its value', () => {
    const summary = (name: string, annotations: Json) => ({ name, version: '0.0.1', annotations, updated: 1 });
    const { actions, feeds } = actionsAndFeeds([
      summary('a', []),
      summary('f', [{ key: 'feed', value: false }]),
      summary('odd', 'no list'),
    ]);
    assert.deepEqual(
      [actions, feeds].map((list) => list.map(({ name }) => name)),
      [['a', 'odd'], ['f']],
    );
    assert.deepEqual(feeds[0], { name: 'f', version: '0.0.1', annotations: [{ key: 'feed', value: false }] });
  });
});
