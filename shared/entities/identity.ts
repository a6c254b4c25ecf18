import * as z from 'zod';

/**
 * The limits of a namespace, which override the installation's defaults (document `NAMESPACE/limits`). Rates per
 * minute.
 */
export const userLimitsSchema = z.looseObject({
  invocationsPerMinute: z.int().optional(),
  concurrentInvocations: z.int().optional(),
  firesPerMinute: z.int().optional(),
  allowedKinds: z.array(z.string()).optional(),
  storeActivations: z.boolean().optional(),
  minActionMemory: z.unknown().optional(),
  maxActionMemory: z.unknown().optional(),
  minActionLogs: z.unknown().optional(),
  maxActionLogs: z.unknown().optional(),
  minActionTimeout: z.unknown().optional(),
  maxActionTimeout: z.unknown().optional(),
  minActionConcurrency: z.unknown().optional(),
  maxActionConcurrency: z.unknown().optional(),
  maxParameterSize: z.unknown().optional(),
  maxPayloadSize: z.unknown().optional(),
  truncationSize: z.unknown().optional(),
  warmedContainerKeepingCount: z.int().optional(),
  warmedContainerKeepingTimeout: z.string().optional(),
  maxActionInstances: z.int().optional(),
  /** An extension: the most memory of the namespace's objects in one invoker, such as `64 MB`. */
  objectsMemory: z.unknown().optional(),
  /** An extension: the policy for the namespace's colors. An unknown policy is ignored at its use. */
  colorPolicy: z.unknown().optional(),
  /** An extension: the policies that callers and actions of the namespace may name; missing: all. */
  colorPolicies: z.unknown().optional(),
});
export type UserLimits = z.infer<typeof userLimitsSchema>;

/** The caller, as in activation messages (`user`). `authkey.api_key` is `uuid:key` for basic authentication. */
export const identitySchema = z.object({
  subject: z.string(),
  namespace: z.object({ name: z.string(), uuid: z.string() }),
  authkey: z.record(z.string(), z.unknown()),
  rights: z.array(z.string()),
  limits: userLimitsSchema,
});
export type Identity = z.infer<typeof identitySchema>;
