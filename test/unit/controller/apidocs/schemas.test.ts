import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type * as z from 'zod';
import { readActionBody } from '../../../../controller/api/actions/actionBody.js';
import { readEntityBody } from '../../../../controller/api/entityWrites.js';
import { readPackageBody } from '../../../../controller/api/packages/packageBody.js';
import { readRuleBody, readStatus } from '../../../../controller/api/rules/ruleBody.js';
import * as schemas from '../../../../controller/apidocs/schemas.js';
import { ApiError } from '../../../../controller/http/ApiError.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';
import { loadManifest } from '../../../../shared/runtimes/manifest.js';

const MB = 1024 * 1024;
const runtimes = loadManifest();
const [kind = ''] = [...runtimes.kinds.keys()];

interface Described {
  readonly schema: z.ZodType;
  readonly read: (json: Json) => unknown;
}

const BODIES: Record<string, Described> = {
  actionPut: {
    schema: schemas.actionPut,
    read: (json) => readActionBody(json, runtimes, { maxCodeBytes: MB, maxParameterBytes: MB }),
  },
  packagePut: { schema: schemas.packagePut, read: (json) => readPackageBody(json, 'guest', MB) },
  triggerPut: { schema: schemas.triggerPut, read: (json) => readEntityBody(json, MB) },
  rulePut: { schema: schemas.rulePut, read: (json) => readRuleBody(json, 'guest', MB) },
  ruleState: { schema: schemas.ruleState, read: readStatus },
};

async function accepts(read: (json: Json) => unknown, json: Json): Promise<boolean> {
  try {
    await read(json);
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}

const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
const good = {
  version: fc.constantFrom('1', '0.0.7', '1.2.3'),
  publish: fc.boolean(),
  annotations: fc.array(fc.record({ key: fc.string(), value: json }, { noNullPrototype: true }), { maxLength: 3 }),
  parameters: fc.array(
    fc.record(
      { key: fc.string(), value: json, init: fc.boolean() },
      { requiredKeys: ['key', 'value'], noNullPrototype: true },
    ),
    { maxLength: 3 },
  ),
  exec: fc.constantFrom<Json>(
    { kind, code: 'x' },
    { kind: 'blackbox', image: 'a/b' },
    { kind: 'sequence', components: ['/_/a', '/guest/p/b'] },
  ),
  limits: fc.record(
    { timeout: fc.nat(), memory: fc.nat(), logs: fc.nat(), concurrency: fc.nat(), instances: fc.nat() },
    { requiredKeys: [], noNullPrototype: true },
  ),
  delAnnotations: fc.array(fc.string(), { maxLength: 2 }),
  binding: fc.constantFrom<Json>({}, { namespace: '_', name: 'p' }),
  trigger: fc.constantFrom<Json>('/guest/t', '/_/t', { path: 'guest', name: 't' }),
  action: fc.constantFrom<Json>('/guest/a', '/guest/p/a', { path: 'guest/p', name: 'a' }),
  status: fc.constantFrom('active', 'inactive'),
};
const options: fc.RecordConstraints<never> = { requiredKeys: [], noNullPrototype: true };
const goodBody = fc.record(good, options) as fc.Arbitrary<Json>;
const anyBody = fc.record(
  Object.fromEntries(
    Object.entries(good).map(([field, value]) => [field, fc.oneof(value as fc.Arbitrary<Json>, json)]),
  ),
  options,
) as fc.Arbitrary<Json>;

describe('schemas of requests', () => {
  for (const [name, { schema, read }] of Object.entries(BODIES)) {
    it(`${name} takes whatever the API takes`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.oneof(anyBody, goodBody, json), async (body) => {
          if (await accepts(read, body)) assert.deepEqual(schema.safeParse(body).error?.issues, undefined);
        }),
        { numRuns: 300 },
      );
    });

    it(`${name} refuses what the API refuses, apart from what only the API can know`, async () => {
      await fc.assert(
        fc.asyncProperty(goodBody, async (body) => {
          const complete = { status: 'active', ...(body as object) };
          assert.ok(schema.safeParse(complete).success);
          await read(complete);
        }),
        { numRuns: 200 },
      );
      for (const body of ['text', 7, []]) {
        assert.equal(schema.safeParse(body).success, false);
        assert.equal(await accepts(read, body), false);
      }
    });
  }
});
