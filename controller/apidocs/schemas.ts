import * as z from 'zod';
import { STATUS_NAMES } from '../../shared/entities/activation.js';
import { keyValueSchema } from '../../shared/entities/keyvalue.js';
import { MAX_NAME_LENGTH } from '../../shared/entities/names.js';

/*
 * The bodies of the REST API, for its descriptions only. Names are those of OpenWhisk's description, which tools know. Requests are parsed by other readers, which refuse with
 * the messages that OpenWhisk's clients know. A test compares the request schemas in this file with those readers.
 */

/** The schemas that have a name in the OpenAPI document. */
export const components = z.registry<{ id: string; description?: string }>();

const byId = new Map<string, z.ZodType>();

/** The named schemas by name. */
export const namedSchemas = (): ReadonlyMap<string, z.ZodType> => byId;

function named<T extends z.ZodType>(id: string, schema: T, description?: string): T {
  byId.set(id, schema);
  components.add(schema, description === undefined ? { id } : { id, description });
  return schema;
}

const list = (entry: z.ZodType): z.ZodType => z.array(entry);
const milliseconds = z.int().describe('Milliseconds since the epoch.');
const entityName = z
  .string()
  .max(MAX_NAME_LENGTH)
  .regex(/^([\w]|[\w][\w@ .&-]*[\w@.&-])$/);
const version = z.string().describe('major.minor.patch');

const keyValue = named(
  'KeyValue',
  z.object({
    key: z.string(),
    value: z.unknown(),
    init: z
      .boolean()
      .optional()
      .describe('Whether the container gets it once, as an environment variable at initialization.'),
    encryption: z.string().nullish().describe('The cipher of an encrypted value.'),
  }),
  'A parameter or an annotation.',
);

/** The fields that clients send for every entity. A null field counts as missing. */
const entityPut = {
  version: version.nullish(),
  publish: z.boolean().nullish(),
  annotations: z.array(keyValue).nullish(),
  parameters: z.array(keyValue).nullish(),
};

const entity = {
  namespace: z.string().describe('The namespace, or `namespace/package` for an action in a package.'),
  name: entityName,
  version,
  publish: z.boolean(),
  annotations: list(keyValue),
  updated: milliseconds.optional(),
};

const actionLimitsPut = named(
  'ActionLimitsPut',
  z.object({
    timeout: z.int().nullish().describe('Milliseconds.'),
    memory: z.int().min(0).nullish().describe('Megabytes.'),
    logs: z.int().min(0).nullish().describe('Megabytes.'),
    concurrency: z.int().nullish().describe('The maximum number of concurrent invocations in one container.'),
    instances: z
      .int()
      .min(0)
      .nullish()
      .describe('The maximum number of containers at once. Further invocations wait. With 0, invocations are refused.'),
  }),
);

const execPut = named(
  'ActionExecPut',
  z.object({
    kind: z.string().describe('A runtime of the manifest (such as `nodejs:20`), `blackbox` or `sequence`.'),
    code: z.string().optional().describe('Text, or a zip in base64.'),
    image: z.string().optional().describe('The image of a `blackbox`.'),
    main: z.string().optional(),
    components: z.array(z.string()).optional().describe('The actions of a `sequence`, in order.'),
  }),
);

export const actionPut = named(
  'ActionPut',
  z.object({
    ...entityPut,
    exec: execPut.nullish(),
    limits: actionLimitsPut.nullish(),
    delAnnotations: z.array(z.string()).nullish().describe('Names of annotations to remove.'),
  }),
  'A new action, or the changes of an existing action.',
);

export const packagePut = named(
  'PackagePut',
  z.object({
    ...entityPut,
    binding: z
      .union([z.object({ namespace: z.string(), name: entityName }), z.strictObject({})])
      .optional()
      .describe('The bound package; `{}` for a package that is not a binding.'),
  }),
);

export const triggerPut = named('TriggerPut', z.object(entityPut));

const qualifiedName = z.union([z.string(), z.object({ path: z.string(), name: z.string() })]);

export const rulePut = named(
  'RulePut',
  z.object({
    version: version.nullish(),
    publish: z.boolean().nullish(),
    annotations: z.array(keyValue).nullish(),
    trigger: qualifiedName.nullish(),
    action: qualifiedName.nullish(),
  }),
);

export const ruleState = named('RuleState', z.object({ status: z.enum(['active', 'inactive']) }));

export const payload = named(
  'Payload',
  z.record(z.string(), z.unknown()),
  'Parameters that override those of the entity.',
);

export const errorBody = named(
  'ErrorMessage',
  z.object({ error: z.string(), code: z.string().describe("The request's transaction id.") }),
);

const actionLimits = named(
  'ActionLimits',
  z.object({
    timeout: z.int(),
    memory: z.int(),
    logs: z.int(),
    concurrency: z.int(),
    instances: z.int().optional(),
  }),
);

const exec = named('ActionExec', z.object({ ...execPut.shape, binary: z.boolean().optional() }));

export const action = named('Action', z.object({ ...entity, exec, parameters: list(keyValue), limits: actionLimits }));

const execMeta = named('ActionExecMeta', z.object({ binary: z.boolean() }));

export const actionSummary = named('ActionMeta', z.object({ ...entity, exec: execMeta, limits: actionLimits }));

const packageContent = named(
  'PackageAction',
  z.object({ name: entityName, version, annotations: list(keyValue), parameters: list(keyValue) }),
);

const binding = named('PackageBinding', z.object({ namespace: z.string().optional(), name: z.string().optional() }));

export const packageSummary = named(
  'PackageMeta',
  z.object({ ...entity, binding: z.union([binding, z.literal(false)]) }),
);

export const wholePackage = named(
  'Package',
  z.object({
    ...entity,
    parameters: list(keyValue),
    binding,
    actions: list(packageContent).optional(),
    feeds: list(packageContent).optional(),
  }),
);

const pathName = named('PathName', z.object({ path: z.string(), name: z.string() }));

const triggerLimits = named('TriggerLimits', z.object({}));

export const trigger = named(
  'Trigger',
  z.object({
    ...entity,
    parameters: list(keyValue),
    limits: triggerLimits,
    rules: z
      .record(z.string(), z.object({ action: pathName, status: z.enum(['active', 'inactive']) }))
      .optional()
      .describe('Rules by their full names.'),
  }),
);

export const triggerSummary = named('TriggerMeta', z.object(entity));

export const rule = named(
  'Rule',
  z.object({ ...entity, trigger: pathName, action: pathName, status: z.enum(['active', 'inactive']) }),
);

export const ruleSummary = named('RuleMeta', z.object({ ...entity, trigger: pathName, action: pathName }));

export const activationId = named('ActivationId', z.object({ activationId: z.string().regex(/^[0-9a-f]{32}$/) }));

const activation = {
  namespace: z.string(),
  name: z.string(),
  version,
  publish: z.boolean(),
  annotations: z.array(keyValueSchema),
  activationId: activationId.shape.activationId,
  start: milliseconds,
  end: milliseconds.optional(),
  duration: z.int().optional().describe('Milliseconds.'),
  cause: z.string().optional().describe('The activation that caused this one.'),
};

export const activationResponse = named(
  'ActivationResult',
  z.object({
    status: z.enum(STATUS_NAMES),
    statusCode: z.int().min(0).max(3).optional(),
    success: z.boolean(),
    result: z.unknown().optional(),
    size: z.int().optional().describe('The size of the result in bytes.'),
  }),
);

export const activationRecord = named(
  'Activation',
  z.object({ ...activation, subject: z.string(), response: activationResponse, logs: z.array(z.string()) }),
);

export const activationSummary = named('ActivationBrief', z.object({ ...activation, statusCode: z.int().optional() }));

export const activationLogs = named('ActivationLogs', z.object({ logs: z.array(z.string()) }));

export const namespaceLimits = named(
  'UserLimits',
  z.looseObject({
    invocationsPerMinute: z.int(),
    concurrentInvocations: z.int(),
    firesPerMinute: z.int(),
    ...Object.fromEntries(
      ['Memory', 'Logs', 'Timeout', 'Concurrency'].flatMap((limit) => [
        [`minAction${limit}`, z.int()],
        [`maxAction${limit}`, z.int()],
      ]),
    ),
    maxActionInstances: z.int(),
    maxParameterSize: z.string(),
    allowedKinds: z.array(z.string()).optional(),
  }),
);

export const apiInfo = named(
  'ApiInfo',
  z.object({
    description: z.string(),
    api_version: z.string(),
    api_version_path: z.string(),
    build: z.string(),
    buildno: z.string(),
    swagger_paths: z.object({ ui: z.string(), 'api-docs': z.string() }),
  }),
);

/** A list, or with `count=true` the number of entries. */
export const listOf = (collection: string, summary: z.ZodType): z.ZodType =>
  z.union([z.array(summary), z.object({ [collection]: z.int() })]);
