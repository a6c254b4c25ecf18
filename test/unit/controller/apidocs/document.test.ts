import assert from 'node:assert/strict';
import express, { type Router } from 'express';
import type { ControllerContext } from '../../../../controller/api/ControllerContext.js';
import { actionRoutes } from '../../../../controller/api/actions/routes.js';
import { activationRoutes } from '../../../../controller/api/activations/routes.js';
import { limitRoutes } from '../../../../controller/api/limits/routes.js';
import { namespaceRoutes } from '../../../../controller/api/namespaces/routes.js';
import { packageRoutes } from '../../../../controller/api/packages/routes.js';
import { ruleRoutes } from '../../../../controller/api/rules/routes.js';
import { triggerRoutes } from '../../../../controller/api/triggers/routes.js';
import { apiDocument } from '../../../../controller/apidocs/document.js';
import { operations } from '../../../../controller/apidocs/operations.js';
import { operationsPage } from '../../../../controller/apidocs/page.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import type { Json, JsonObject } from '../../../../shared/entities/keyvalue.js';

const document = apiDocument(DEFAULT_LIMITS, '1.2.3');
const at = (value: Json | undefined, ...path: string[]): Json | undefined =>
  path.reduce<Json | undefined>((found, key) => (found as JsonObject | undefined)?.[key], value);

/** Every value of that key, anywhere. */
function* every(value: Json, key: string): Generator<Json> {
  if (value === null || typeof value !== 'object') return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === key) yield inner;
    yield* every(inner, key);
  }
}

describe('apiDocument', () => {
  it('is an OpenAPI 3.1 document that says where the API is and who may use it', () => {
    assert.equal(document['openapi'], '3.1.0');
    assert.equal(at(document, 'info', 'version'), '1.2.3');
    assert.deepEqual(document['servers'], [{ url: '/api/v1' }]);
    assert.deepEqual(document['security'], [{ basic: [] }]);
    assert.deepEqual(at(document, 'paths', '/web/{namespace}/{package}/{action}', 'get', 'security'), []);
  });

  it('refers only to schemas that it has', () => {
    const schemas = at(document, 'components', 'schemas') as JsonObject;
    const references = [...every(document, '$ref')] as string[];
    assert.ok(references.length > 100);
    for (const reference of references) {
      assert.match(reference, /^#\/components\/schemas\/\w+$/);
      assert.ok(Object.hasOwn(schemas, reference.split('/').pop() ?? ''), reference);
    }
  });

  it('names every operation once, and every parameter of its path', () => {
    const ids = [...every(document, 'operationId')];
    assert.equal(new Set(ids).size, ids.length);
    for (const [path, methods] of Object.entries(document['paths'] as JsonObject)) {
      for (const operation of Object.values(methods as JsonObject)) {
        const parameters = (at(operation, 'parameters') ?? []) as JsonObject[];
        const named = parameters.filter((p) => p['in'] === 'path').map((p) => `{${p['name'] as string}}`);
        assert.deepEqual(named, path.match(/\{\w+\}/g) ?? [], path);
        assert.ok(Object.keys(at(operation, 'responses') as JsonObject).length > 0);
      }
    }
  });

  it('tells the limits of the installation', () => {
    const parameters = at(document, 'paths', '/namespaces/{namespace}/actions', 'get', 'parameters') as JsonObject[];
    const limit = parameters.find((p) => p['name'] === 'limit');
    assert.deepEqual(limit?.['schema'], {
      type: 'integer',
      minimum: 0,
      maximum: DEFAULT_LIMITS.maxListLimit,
      default: DEFAULT_LIMITS.defaultListLimit,
    });
  });

  it('has every route of the API', () => {
    const router = express.Router();
    const routes = [
      actionRoutes,
      activationRoutes,
      limitRoutes,
      namespaceRoutes,
      packageRoutes,
      ruleRoutes,
      triggerRoutes,
    ];
    for (const add of routes) add(router, {} as ControllerContext);
    const paths = Object.keys(document['paths'] as JsonObject).map(shape);
    for (const path of pathsOf(router)) assert.ok(paths.includes(path), path);
  });

  it('is shown to readers, every operation in a line of its own', () => {
    const all = operations(DEFAULT_LIMITS);
    const page = operationsPage(all, '/x?a=1&b="2"');
    assert.equal(page.match(/<tr>/g)?.length, all.length);
    assert.ok(page.includes('<a href="/x?a=1&#38;b=&#34;2&#34;">'));
  });
});

/** A path whatever its parameters are called. */
const shape = (path: string): string => path.replaceAll(/\{\w+\}/g, '{}');

function pathsOf(router: Router): string[] {
  return (
    router.stack
      .flatMap((layer) => (layer.route ? [layer.route.path].flat() : []))
      // Paths that are there only to be refused.
      .filter((path) => !path.includes('/limits/:name'))
      .map((path) => shape(path.replace(/\{\/\}$/, '').replaceAll(/:\w+/g, '{x}')))
  );
}
