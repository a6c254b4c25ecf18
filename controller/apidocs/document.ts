import * as z from 'zod';
import type { Limits } from '../../shared/config/limits.js';
import { isJson, isObject, type JsonObject } from '../../shared/entities/keyvalue.js';
import { BASE } from './base.js';
import type { Operation, ResponseDescription } from './Operation.js';
import { operations } from './operations.js';
import { components, namedSchemas } from './schemas.js';

/** The OpenAPI document of the API, generated from its schemas. */
export function apiDocument(limits: Limits, version: string): JsonObject {
  const all = operations(limits);
  const schemas = new JsonSchemas(all.flatMap(schemasOf));
  const paths: Record<string, JsonObject> = {};
  for (const operation of all) (paths[operation.path] ??= {})[operation.method] = describe(operation, schemas);
  return {
    openapi: '3.1.0',
    info: { title: 'OpenWhisk REST API', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: BASE }],
    security: [{ basic: [] }],
    tags: [...new Set(all.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'User name and password are the two halves of an API key.',
        },
      },
      schemas: schemas.named(),
    },
  };
}

const TEXT = { type: 'string' };

function schemasOf({ query, body, answers }: Operation): z.ZodType[] {
  const parameters = query ? Object.values<z.ZodType>(query.shape) : [];
  const bodies = [body, ...Object.values(answers).map((answer) => answer.body)];
  return [...parameters, ...bodies.filter((schema) => schema !== undefined)];
}

function describe(operation: Operation, schemas: JsonSchemas): JsonObject {
  const { id, tag, summary, query, headers = {}, body, answers, open } = operation;
  const json = (schema: z.ZodType): JsonObject => ({ 'application/json': { schema: schemas.of(schema) } });
  const response = (answer: ResponseDescription): JsonObject => ({
    description: answer.description,
    ...(answer.body ? { content: json(answer.body) } : {}),
  });
  const parameters = [
    ...pathParameters(operation.path),
    ...(query ? queryParameters(query, schemas) : []),
    ...Object.entries(headers).map(([name, description]) => ({ name, in: 'header', description, schema: TEXT })),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: operation.method === 'put', content: json(body) } } : {}),
    responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)])),
  };
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    ...(name === 'namespace' && path.startsWith('/namespaces')
      ? { description: "`_` is the caller's own namespace." }
      : {}),
    schema: TEXT,
  }));
}

function queryParameters(query: z.ZodObject, schemas: JsonSchemas): JsonObject[] {
  return Object.entries(query.shape as Record<string, z.ZodType>).map(([name, schema]) => {
    const { description, ...rest } = schemas.of(schema);
    return { name, in: 'query', ...(description === undefined ? {} : { description }), schema: rest };
  });
}

/** JSON schemas of bodies and parameters. A named schema is defined once; its uses refer to it. */
class JsonSchemas {
  readonly #ids = new Map<z.ZodType, string>();
  readonly #schemas: Readonly<Record<string, unknown>>;

  constructor(used: readonly z.ZodType[]) {
    for (const schema of used) {
      if (!components.has(schema) && !this.#ids.has(schema)) this.#ids.set(schema, `inline-${this.#ids.size}`);
    }
    const registry = z.registry<{ id: string }>();
    for (const [schema, id] of this.#ids) registry.add(schema, { id });
    for (const [id, schema] of namedSchemas()) registry.add(schema, { id });
    const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
    this.#schemas = schemas;
  }

  of(schema: z.ZodType): JsonObject {
    const name = components.get(schema)?.id;
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    return this.#byId(this.#ids.get(schema) ?? '');
  }

  named(): JsonObject {
    return Object.fromEntries(
      [...namedSchemas()].map(([id, schema]) => [id, { ...this.#byId(id), ...described(schema) }]),
    );
  }

  /** A named schema without `$schema` and `$id`, which are redundant inside a document. */
  #byId(id: string): JsonObject {
    const found = this.#schemas[id] ?? {};
    if (!isJson(found) || !isObject(found)) throw new TypeError(`the schema ${id} is not JSON`);
    const { $schema: _, $id: __, id: ___, ...schema } = found;
    return schema;
  }
}

const described = (schema: z.ZodType): JsonObject => {
  const description = components.get(schema)?.description;
  return description === undefined ? {} : { description };
};
