import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';

/**
 * Converts this API's OpenAPI 3.1 document to Swagger 2.0, which OpenWhisk's tools read at `/api/v1/api-docs`.
 *
 * Swagger 2.0 knows less: of the alternatives of a schema it gets the list, or any value; a path that differs from
 * another one only by a slash at its end is left out.
 *
 * @param openapi from `apiDocument`.
 */
export function swaggerDocument(openapi: JsonObject): JsonObject {
  const info = objectOf(openapi['info']);
  const [server] = listOf(openapi['servers']);
  const paths = Object.entries(objectOf(openapi['paths'])).filter(([path]) => path === '/' || !path.endsWith('/'));
  const schemas = Object.entries(objectOf(objectOf(openapi['components'])['schemas']));
  return {
    swagger: '2.0',
    info: { title: info['title'] ?? '', description: 'API for OpenWhisk', version: info['version'] ?? '' },
    basePath: objectOf(server)['url'] ?? '/',
    produces: ['application/json'],
    consumes: ['application/json'],
    securityDefinitions: { basicAuth: { type: 'basic' } },
    security: [{ basicAuth: [] }],
    tags: openapi['tags'] ?? [],
    paths: Object.fromEntries(paths.map(([path, methods]) => [path, mapValues(objectOf(methods), operationOf)])),
    definitions: Object.fromEntries(schemas.map(([name, schema]) => [name, schemaOf(schema)])),
  };
}

function operationOf(value: Json): JsonObject {
  const { operationId, tags, summary, security, parameters, requestBody, responses } = objectOf(value);
  const body = requestBody === undefined ? [] : [bodyOf(objectOf(requestBody))];
  const all = [...listOf(parameters).map(parameterOf), ...body];
  return {
    operationId: operationId ?? '',
    tags: tags ?? [],
    summary: summary ?? '',
    ...(security === undefined ? {} : { security }),
    ...(all.length > 0 ? { parameters: all } : {}),
    responses: mapValues(objectOf(responses), responseOf),
  };
}

/** In Swagger 2.0 the type of a parameter stands in the parameter itself. */
function parameterOf(value: Json): JsonObject {
  const { schema, ...parameter } = objectOf(value);
  return { ...parameter, ...schemaOf(schema ?? {}) };
}

function bodyOf({ required, content }: JsonObject): JsonObject {
  return { name: 'body', in: 'body', required: required ?? false, schema: schemaOf(jsonSchemaOf(content)) };
}

function responseOf(value: Json): JsonObject {
  const { description, content } = objectOf(value);
  return {
    description: description ?? '',
    ...(content === undefined ? {} : { schema: schemaOf(jsonSchemaOf(content)) }),
  };
}

const jsonSchemaOf = (content: Json | undefined): Json =>
  objectOf(objectOf(content)['application/json'])['schema'] ?? {};

/** The keywords of JSON schemas that Swagger 2.0 lacks, and that only narrow what is valid. */
const UNKNOWN = new Set(['propertyNames', 'not', '$schema', '$id']);

function schemaOf(value: Json): JsonObject {
  const schema = objectOf(value);
  const { anyOf, const: constant, ...rest } = schema;
  if (anyOf !== undefined) return { ...alternative(listOf(anyOf)), ...describing(schema) };
  if (constant !== undefined) return { enum: [constant], ...describing(schema) };
  return Object.fromEntries(
    Object.entries(rest)
      .filter(([keyword]) => !UNKNOWN.has(keyword))
      .map(([keyword, inner]): [string, Json] => {
        if (keyword === '$ref' && typeof inner === 'string')
          return [keyword, inner.replace('#/components/schemas/', '#/definitions/')];
        if (keyword === 'properties') return [keyword, mapValues(objectOf(inner), schemaOf)];
        if (keyword === 'items' || (keyword === 'additionalProperties' && isObject(inner))) {
          return [keyword, schemaOf(inner)];
        }
        return [keyword, inner];
      }),
  );
}

/** One schema in place of several: the only one, the list, or any value. A `null` becomes an extension. */
function alternative(schemas: readonly Json[]): JsonObject {
  const values = schemas.filter((schema) => objectOf(schema)['type'] !== 'null');
  const [only] = values;
  const list = values.find((schema) => objectOf(schema)['type'] === 'array');
  const chosen = values.length === 1 ? only : list;
  const nullable = values.length < schemas.length;
  return { ...(chosen === undefined ? {} : schemaOf(chosen)), ...(nullable ? { 'x-nullable': true } : {}) };
}

const describing = ({ description }: JsonObject): JsonObject => (description === undefined ? {} : { description });

const objectOf = (value: Json | undefined): JsonObject => (value !== undefined && isObject(value) ? value : {});
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

const mapValues = (object: JsonObject, map: (value: Json) => Json): JsonObject =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
