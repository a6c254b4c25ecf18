import { ApiError, badRequest, notFound } from '../http/ApiError.js';
import type { Entitlement, Resource } from '../entitlement/Entitlement.js';
import type { Invocation, InvocationOutcome, InvocationRequest } from '../invocation/Invocation.js';
import { immutableParameters } from './parameters.js';
import { inNamespace, readQualifiedName } from './qualifiedNames.js';
import { CircularBindingError, resolveAction, type ActionSource } from './resolve.js';
import { SEQUENCE, type Exec } from '../../shared/entities/exec.js';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';

/** What an action is invoked with; `ControllerContext` has it. */
export interface ActivationParts {
  readonly entities: ActionSource;
  readonly entitlement: Entitlement;
  readonly invocation: Invocation;
}

export interface ActivationCall extends Pick<
  InvocationRequest,
  'transid' | 'user' | 'payload' | 'waitMs' | 'cause' | 'color'
> {
  /** The action, `namespace/name` or `namespace/package/name` (a binding, too); the namespace is no `_`. */
  readonly name: FullyQualifiedName;
}

/**
 * Invokes an action in the way that `POST` on it does, whoever asks (a client, a rule): the caller's rights and limits,
 * the action behind its binding, the rights on a sequence's components, final parameters.
 * @throws ApiError as the API answers: 400, 403, 404, 409, 429, and what the invocation throws.
 */
export async function activateAction(parts: ActivationParts, call: ActivationCall): Promise<InvocationOutcome> {
  const { name, ...request } = call;
  const resource = { path: name.path, collection: 'actions', name: name.name } as const;
  await parts.entitlement.check(request.user, 'ACTIVATE', [resource]);
  const target = await findAction(parts.entities, name);
  const components = componentResources(target.action.exec, request.user.namespace.name);
  // The sequence itself was counted against the caller's limits.
  if (components) await parts.entitlement.check(request.user, 'ACTIVATE', components, { throttle: false });
  refuseImmutable(immutableParameters(target.action.annotations, target.parameters), request.payload);
  return parts.invocation.invoke({ ...request, target });
}

/** The action of that name. @throws ApiError 404, 409, 422 */
export async function findAction(source: ActionSource, name: FullyQualifiedName) {
  try {
    const target = await resolveAction(source, name);
    if (target) return target;
  } catch (error) {
    if (error instanceof CircularBindingError) {
      throw new ApiError(422, `Package binding '${error.binding}' contains a circular reference.`);
    }
    throw error;
  }
  throw notFound();
}

/**
 * The components of a sequence, as the rights on them are checked; undefined for any other action.
 * @param namespace takes the place of `_`.
 */
export function componentResources(exec: Exec, namespace: string): Resource[] | undefined {
  if (exec.kind !== SEQUENCE) return undefined;
  const resources = (exec.components ?? []).map((component): Resource => {
    const { path, name } = inNamespace(readQualifiedName(component), namespace);
    return { path, collection: 'actions', name };
  });
  // A component that occurs more than once is checked once.
  return [...new Map(resources.map((resource) => [`${resource.path}/${resource.name}`, resource])).values()];
}

/** @throws ApiError 400 where the payload gives a parameter that is final. */
export function refuseImmutable(immutable: ReadonlySet<string>, payload: Json | undefined): void {
  if (immutable.size === 0 || payload === null || typeof payload !== 'object' || Array.isArray(payload)) return;
  if (Object.keys(payload).some((key) => immutable.has(key))) {
    throw badRequest('Request defines parameters that are not allowed (e.g., reserved properties).');
  }
}
