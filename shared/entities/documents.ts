import * as z from 'zod';
import { execDocumentSchema, type Exec, type ExecDocument } from './exec.js';
import { keyValueSchema, jsonSchema, type Json, type KeyValue } from './keyvalue.js';
import { actionLimitsSchema, type ActionLimits } from './limits.js';
import { fullyQualifiedNameSchema, type FullyQualifiedName } from './names.js';

/*
 * The documents of the databases `whisks`, `activations` and `subjects`, as Apache OpenWhisk writes them
 * (github: apache/openwhisk, `common/.../core/entity/*.scala`; recorded documents: `test/contract/`).
 * Schemas accept unknown fields and require only fields that are always present. The interfaces describe the used
 * fields.
 */

/** The fields of every entity. `updated` in ms since the epoch; `_rev` is present after the entity is stored. */
export interface EntityFields {
  _id: string;
  _rev?: string | undefined;
  /** `namespace`, or `namespace/package` for an action in a package. */
  namespace: string;
  name: string;
  /** `major.minor.patch`. */
  version: string;
  publish: boolean;
  annotations: KeyValue[];
  updated: number;
}

const entityFields = {
  _id: z.string(),
  _rev: z.string().optional(),
  namespace: z.string(),
  name: z.string(),
  version: z.string(),
  publish: z.boolean().default(false),
  annotations: z.array(keyValueSchema).default([]),
  updated: z.number().default(0),
};

export interface ActionDocument extends EntityFields {
  entityType: 'action';
  exec: ExecDocument;
  parameters: KeyValue[];
  limits: ActionLimits;
}
export const actionDocumentSchema = z.object({
  ...entityFields,
  entityType: z.literal('action').default('action'),
  exec: execDocumentSchema,
  parameters: z.array(keyValueSchema).default([]),
  limits: actionLimitsSchema,
});

/** An action with its code. */
export type Action = Omit<ActionDocument, 'exec'> & { exec: Exec };

export interface PackageDocument extends EntityFields {
  entityType: 'package';
  /** `{}` for a plain package. */
  binding: { namespace?: string | undefined; name?: string | undefined };
  parameters: KeyValue[];
}
export const packageDocumentSchema = z.object({
  ...entityFields,
  entityType: z.literal('package').default('package'),
  binding: z.object({ namespace: z.string().optional(), name: z.string().optional() }).default({}),
  parameters: z.array(keyValueSchema).default([]),
});

export type RuleStatus = 'active' | 'inactive';

/** A rule within its trigger. Only this contains the rule's status. */
export interface ReducedRule {
  action: FullyQualifiedName;
  status: RuleStatus;
}

export interface TriggerDocument extends EntityFields {
  entityType: 'trigger';
  parameters: KeyValue[];
  limits: Record<string, Json>;
  /** The rules by document id, `namespace/name`. */
  rules?: Record<string, ReducedRule> | undefined;
}
export const triggerDocumentSchema = z.object({
  ...entityFields,
  entityType: z.literal('trigger').default('trigger'),
  parameters: z.array(keyValueSchema).default([]),
  limits: z.record(z.string(), jsonSchema).default({}),
  rules: z
    .record(z.string(), z.object({ action: fullyQualifiedNameSchema, status: z.enum(['active', 'inactive']) }))
    .optional(),
});

export interface RuleDocument extends EntityFields {
  entityType: 'rule';
  trigger: FullyQualifiedName;
  action: FullyQualifiedName;
}
/** In old rules, trigger and action are texts: a name in the rule's namespace, or a path. */
const nameSchema = z.union([fullyQualifiedNameSchema, z.string()]);
export const ruleDocumentSchema = z
  .object({
    ...entityFields,
    entityType: z.literal('rule').default('rule'),
    trigger: nameSchema,
    action: nameSchema,
  })
  .transform((rule) => ({
    ...rule,
    trigger: qualified(rule.trigger, rule.namespace),
    action: qualified(rule.action, rule.namespace),
  }));

function qualified(name: FullyQualifiedName | string, namespace: string): FullyQualifiedName {
  if (typeof name !== 'string') return name;
  const parts = name.split('/').filter((part) => part !== '');
  return parts.length < 2
    ? { path: namespace, name: parts[0] ?? '' }
    : { path: parts.slice(0, -1).join('/'), name: parts.at(-1) ?? '' };
}

/** A subject and its namespaces; `key` is the secret half of the API key `uuid:key`. */
export const subjectDocumentSchema = z.looseObject({
  _id: z.string(),
  _rev: z.string().optional(),
  subject: z.string(),
  blocked: z.boolean().optional(),
  namespaces: z.array(z.looseObject({ name: z.string(), uuid: z.string(), key: z.string() })).default([]),
});
export type SubjectDocument = z.infer<typeof subjectDocumentSchema>;
