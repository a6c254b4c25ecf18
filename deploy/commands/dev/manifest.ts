import * as z from 'zod';
import type { Json, JsonObject, KeyValue } from '../../../shared/entities/keyvalue.js';
import { messageOf } from '../../../shared/errors/reasons.js';

/** The names of manifests, in the order in which they are looked for. The second is that of wskdeploy. */
export const MANIFESTS = ['palette.yaml', 'palette.yml', 'manifest.yaml', 'manifest.yml'] as const;

const json = z.json();
const values = z.record(z.string(), json);
const limitsSchema = z.strictObject({
  timeout: z.int().optional(),
  memorySize: z.int().optional(),
  memory: z.int().optional(),
  logSize: z.int().optional(),
  logs: z.int().optional(),
  concurrentActivations: z.int().optional(),
  concurrency: z.int().optional(),
  instances: z.int().optional(),
});
const description = z.string().optional();
const web = z.union([z.boolean(), z.enum(['yes', 'no', 'raw', 'true', 'false'])]);
const actionSchema = z.strictObject({
  version: json.optional(),
  function: z.string().optional(),
  code: z.string().optional(),
  runtime: z.string().optional(),
  kind: z.string().optional(),
  docker: z.string().optional(),
  native: z.boolean().optional(),
  conductor: z.boolean().optional(),
  description,
  main: z.string().optional(),
  inputs: values.nullish(),
  parameters: values.optional(),
  outputs: json.optional(),
  annotations: values.optional(),
  limits: limitsSchema.optional(),
  web: web.optional(),
  'web-export': web.optional(),
  color: z.string().optional(),
});
const sequenceSchema = z.strictObject({
  actions: z.union([z.string(), z.array(z.string())]),
  annotations: values.optional(),
  web: web.optional(),
  'web-export': web.optional(),
  color: z.string().optional(),
});
const triggerSchema = z.strictObject({
  feed: z.string().optional(),
  source: z.string().optional(),
  description,
  inputs: values.nullish(),
  parameters: values.optional(),
  annotations: values.optional(),
});
const ruleSchema = z.strictObject({
  trigger: z.string(),
  action: z.string(),
  description,
  annotations: values.optional(),
});
const dependencySchema = z.strictObject({
  location: z.string(),
  version: json.optional(),
  inputs: values.nullish(),
  parameters: values.optional(),
  annotations: values.optional(),
});
/** The method alone is the older form. */
const apiMethod = z.union([
  z.string().transform((method) => ({ method, response: undefined })),
  z.strictObject({ method: z.string(), response: z.string().optional() }),
]);
/** wskdeploy's routes of an API gateway: name of the API, base path, path, action. */
const apisSchema = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.record(z.string(), apiMethod))));
const packageSchema = z.strictObject({
  version: json.optional(),
  license: json.optional(),
  public: z.boolean().optional(),
  description,
  inputs: values.nullish(),
  parameters: values.optional(),
  annotations: values.optional(),
  actions: z.record(z.string(), actionSchema).optional(),
  sequences: z.record(z.string(), sequenceSchema).optional(),
  triggers: z.record(z.string(), triggerSchema.nullable()).optional(),
  rules: z.record(z.string(), ruleSchema).optional(),
  /** Bindings. */
  dependencies: z.record(z.string(), dependencySchema).optional(),
  /** Are refused: there is no API gateway. */
  apis: apisSchema.nullish(),
});
const packagesSchema = z.record(z.string(), packageSchema.nullable());
const manifestSchema = z.strictObject({
  packages: packagesSchema.optional(),
  project: z
    .strictObject({
      name: z.string().optional(),
      version: json.optional(),
      namespace: z.string().optional(),
      packages: packagesSchema.nullish(),
    })
    .optional(),
});

export type ManifestAction = z.infer<typeof actionSchema>;
export type ManifestDependency = z.infer<typeof dependencySchema>;
export type ManifestSequence = z.infer<typeof sequenceSchema>;
export type ManifestTrigger = z.infer<typeof triggerSchema>;
export type ManifestRule = z.infer<typeof ruleSchema>;
export type ManifestPackage = z.infer<typeof packageSchema>;
export type Variables = Readonly<Record<string, string | undefined>>;

/** A manifest cannot be used. The message says where and why. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/**
 * Parses a manifest: `palette.yaml`, or wskdeploy's `manifest.yaml`.
 * @returns the packages by their names. `default` is that of entities without a package.
 * @throws ManifestError
 */
export async function parseManifest(text: string): Promise<ReadonlyMap<string, ManifestPackage>> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { prettyErrors: true });
  const [mistake] = document.errors;
  if (mistake) throw new ManifestError(oneLine(mistake.message.split('\n')[0] ?? mistake.message));
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Too many aliases, or an alias without an anchor.
    throw new ManifestError(oneLine(messageOf(error)));
  }
  const result = manifestSchema.safeParse(content ?? {});
  if (!result.success) throw new ManifestError(mistakeText(result.error));
  const { packages, project } = result.data;
  const all = { ...project?.packages, ...packages };
  return new Map(Object.entries(all).map(([name, content]) => [name, content ?? {}]));
}

function mistakeText(error: z.ZodError): string {
  const [issue] = error.issues;
  if (!issue) return 'it is not a manifest';
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return `${path === '' ? 'the manifest' : path} has the unknown field '${issue.keys.join("', '")}': docs/command-line.md lists the fields`;
  }
  return oneLine(`${path === '' ? 'the manifest' : path}: ${issue.message}`);
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ');

/**
 * The values of `parameters` and of wskdeploy's `inputs`, where a value may be described by `{type, value, default}`.
 * `$NAME` and `${NAME}` stand for variables of the environment.
 * @throws ManifestError if a variable is not set.
 */
export function parametersOf(
  { inputs, parameters = {} }: Pick<ManifestAction, 'inputs' | 'parameters'>,
  variables: Variables,
): KeyValue[] {
  const described = Object.entries(inputs ?? {}).flatMap(([key, value]) => {
    const given = describedValue(value);
    return given === undefined ? [] : [{ key, value: expanded(given, variables) }];
  });
  const plain = Object.entries(parameters).map(([key, value]) => ({ key, value: expanded(value, variables) }));
  return [...described, ...plain];
}

const DESCRIPTION_FIELDS = new Set(['type', 'value', 'default', 'description', 'required', 'status', 'schema']);

function describedValue(value: Json): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  const describes =
    keys.some((key) => key === 'value' || key === 'type') && keys.every((key) => DESCRIPTION_FIELDS.has(key));
  return describes ? (value['value'] ?? value['default']) : value;
}

/** A copy in which the names of variables are replaced. */
function expanded(value: Json, variables: Variables): Json {
  if (typeof value === 'string') return expandedText(value, variables);
  if (Array.isArray(value)) return value.map((item) => expanded(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expanded(item ?? null, variables)]));
}

function expandedText(text: string, variables: Variables): string {
  const valueOf = (name: string): string => {
    const value = variables[name];
    if (value === undefined) throw new ManifestError(`the environment variable ${name} is not set`);
    return value;
  };
  const [, whole] = /^\$(\w+)$/.exec(text) ?? [];
  return whole !== undefined ? valueOf(whole) : text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => valueOf(name));
}

/** The limits in the API's names. */
export function limitsBody(limits: NonNullable<ManifestAction['limits']>): JsonObject {
  const { timeout, memorySize, memory, logSize, logs, concurrentActivations, concurrency, instances } = limits;
  const all = {
    timeout,
    memory: memory ?? memorySize,
    logs: logs ?? logSize,
    concurrency: concurrency ?? concurrentActivations,
    instances,
  };
  const body: JsonObject = {};
  for (const [name, value] of Object.entries(all)) if (value !== undefined) body[name] = value;
  return body;
}
