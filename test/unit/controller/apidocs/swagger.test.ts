import assert from 'node:assert/strict';
import SwaggerParser from '@apidevtools/swagger-parser';
import { apiDocument } from '../../../../controller/apidocs/document.js';
import { swaggerDocument } from '../../../../controller/apidocs/swagger.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import type { JsonObject } from '../../../../shared/entities/keyvalue.js';

/** A copy, since the validator changes documents. */
const validate = (document: JsonObject): Promise<unknown> =>
  SwaggerParser.validate(JSON.parse(JSON.stringify(document)) as never);

/** The definitions of OpenWhisk's own description that tools generate classes of. */
const UPSTREAM_DEFINITIONS = [
  'Action ActionExec ActionExecMeta ActionLimits ActionMeta ActionPut Activation ActivationBrief ActivationId',
  'ActivationLogs ActivationResult ErrorMessage KeyValue Package PackageAction PackageBinding PackagePut PathName Rule',
  'RuleMeta RulePut Trigger TriggerLimits TriggerMeta TriggerPut UserLimits',
].flatMap((line) => line.split(' '));

describe('swaggerDocument', () => {
  const openapi = apiDocument(DEFAULT_LIMITS, '1.2.3');
  const swagger = swaggerDocument(openapi);

  it('makes a valid Swagger 2.0 document of a valid OpenAPI 3.1 document', async () => {
    await validate(openapi);
    await validate(swagger);
    assert.equal(swagger['swagger'], '2.0');
  });

  it('has all definitions of OpenWhisk', () => {
    const definitions = Object.keys(swagger['definitions'] as JsonObject);
    assert.deepEqual(
      UPSTREAM_DEFINITIONS.filter((name) => !definitions.includes(name)),
      [],
    );
  });

  it('describes lists as lists, bodies as parameters, and web actions as open', () => {
    const paths = swagger['paths'] as Record<string, Record<string, JsonObject>>;
    const list = paths['/namespaces/{namespace}/rules']?.['get']?.['responses'] as Record<string, JsonObject>;
    assert.deepEqual(list['200']?.['schema'], { type: 'array', items: { $ref: '#/definitions/RuleMeta' } });
    const parameters = paths['/namespaces/{namespace}/rules/{rule}']?.['put']?.['parameters'] as JsonObject[];
    assert.deepEqual(
      parameters.map((parameter) => [parameter['in'], parameter['name'], parameter['type']]),
      [
        ['path', 'namespace', 'string'],
        ['path', 'rule', 'string'],
        ['query', 'overwrite', 'boolean'],
        ['body', 'body', undefined],
      ],
    );
    assert.deepEqual(paths['/web/{namespace}/{package}/{action}']?.['get']?.['security'], []);
  });
});
