import { argumentsOf } from './parameters.js';
import type { Journal } from './Journal.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from './Invocation.js';
import type { ActivationRecord, ActivationResponse } from '../../shared/entities/activation.js';
import { StatusCode } from '../../shared/entities/activation.js';
import { activationRecord, limitsAnnotation } from '../../shared/entities/activationRecord.js';
import type { Identity } from '../../shared/entities/identity.js';
import { isTruthy, type JsonObject, type KeyValue } from '../../shared/entities/keyvalue.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ParameterUnlock } from '../../shared/parameters/encryption.js';

/**
 * An action that runs in the controller instead of a container, since it needs the controller's parts. Resolves to the
 * action's result. A result with the field `error` is an application error, as for every action.
 */
export type BuiltinAction = (call: { readonly user: Identity; readonly args: JsonObject }) => Promise<JsonObject>;

/** The annotation of entities for built-in actions. An action of the same name without it runs in a container. */
export const BUILTIN_ANNOTATION = 'builtin';

/** Built-in actions by the document id of their entity, which is in the system's own namespace. */
export type Builtins = ReadonlyMap<string, BuiltinAction>;

export interface BuiltinParts {
  readonly builtins: Builtins;
  readonly encryption: ParameterUnlock;
  readonly journal: Pick<Journal, 'keep' | 'beforeAnswer'>;
  readonly clock: () => number;
  readonly newActivationId: () => string;
  readonly log: Logger;
}

/** Runs built-in actions in this process and passes all others to `primitive`. Callers see no difference. */
export function withBuiltins(primitive: Invocation, parts: BuiltinParts): Invocation {
  return {
    invoke(request) {
      const { action } = request.target;
      const builtin = parts.builtins.get(action._id);
      if (!builtin || !isTruthy(action.annotations, BUILTIN_ANNOTATION)) return primitive.invoke(request);
      return runBuiltin(parts, builtin, request);
    },
  };
}

async function runBuiltin(
  parts: BuiltinParts,
  builtin: BuiltinAction,
  request: InvocationRequest,
): Promise<InvocationOutcome> {
  const start = parts.clock();
  const response = await respond(parts, builtin, request);
  const record = builtinRecord(request, parts.newActivationId(), response, start, parts.clock());
  await parts.journal.beforeAnswer(record, request.user);
  void parts.journal.keep(record, request.user, request.transid);
  if (request.waitMs === undefined) return { kind: 'accepted', activationId: record.activationId };
  return { kind: 'record', record };
}

async function respond(
  parts: BuiltinParts,
  builtin: BuiltinAction,
  { user, target, payload, transid }: InvocationRequest,
): Promise<ActivationResponse> {
  try {
    const args = argumentsOf(unlocked(target.parameters, parts.encryption), payload);
    const result = await builtin({ user, args: Array.isArray(args) ? {} : args });
    const statusCode = Object.hasOwn(result, 'error') ? StatusCode.applicationError : StatusCode.success;
    return { statusCode, result, size: Buffer.byteLength(JSON.stringify(result)) };
  } catch (error) {
    parts.log.error('built-in action failed', { transid, error, action: target.action._id });
    return { statusCode: StatusCode.whiskError, result: { error: 'There was an internal server error.' } };
  }
}

/** The parameters with decrypted values. */
function unlocked(parameters: readonly KeyValue[], cipher: ParameterUnlock): KeyValue[] {
  return parameters.map((parameter) => {
    const { encryption, value } = parameter;
    return encryption === undefined || typeof value !== 'string'
      ? parameter
      : { ...parameter, value: cipher.decrypt(encryption, value) };
  });
}

function builtinRecord(
  { user, target, transid, cause }: InvocationRequest,
  activationId: string,
  response: ActivationResponse,
  start: number,
  end: number,
): ActivationRecord {
  const { action, binding } = target;
  return activationRecord({
    activationId,
    user,
    name: action.name,
    version: action.version,
    start,
    end,
    cause,
    response,
    annotations: {
      binding,
      path: action._id,
      waitTime: start - transid.start,
      kind: action.exec.kind,
      timeout: false,
      limits: limitsAnnotation(action.limits),
    },
  });
}
