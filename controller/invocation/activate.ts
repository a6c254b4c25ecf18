import { deprecatedRuntime } from './deprecation.js';
import { ApiError, badRequest, notFound } from '../http/ApiError.js';
import type { Entitlement, Resource } from '../entitlement/Entitlement.js';
import type { Invocation, InvocationOutcome, InvocationRequest, ResolvedAction } from './Invocation.js';
import { immutableParameters } from './parameters.js';
import { inNamespace, readQualifiedName } from './qualifiedNames.js';
import { CircularBindingError, resolveAction, type ActionReader } from './resolve.js';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';

/** What an action is invoked with. */
export interface ActivationParts {
  readonly entities: ActionReader;
  readonly entitlement: Pick<Entitlement, 'check' | 'checkConcurrency'>;
  readonly invocation: Invocation;
  readonly runtimes: Runtimes;
}

/**
 * Invokes an action for somebody who is no HTTP request (a rule), in the way that `POST` on it does: the caller's rights
 * and limits first, then `invokeFound`. The namespace of `name` is no `_`.
 * @throws ApiError as the API answers: 400, 403, 404, 409, 422, 429, and what the invocation throws.
 */
export async function activateAction(
  parts: ActivationParts,
  name: FullyQualifiedName,
  request: Omit<InvocationRequest, 'target'>,
): Promise<InvocationOutcome> {
  const resource = { path: name.path, collection: 'actions', name: name.name } as const;
  await parts.entitlement.check(request.user, 'ACTIVATE', [resource]);
  return invokeFound(parts, { ...request, target: await findAction(parts.entities, name) });
}

/** The action of that name. @throws ApiError 404, 422; WrongEntityTypeError */
export async function findAction(source: ActionReader, name: FullyQualifiedName): Promise<ResolvedAction> {
  let target: ResolvedAction | undefined;
  try {
    target = await resolveAction(source, name);
  } catch (error) {
    if (!(error instanceof CircularBindingError)) throw error;
    throw new ApiError(422, `Package binding '${error.binding}' contains a circular reference.`);
  }
  if (!target) throw notFound();
  return target;
}

/**
 * Invokes an action on which the caller's rights were checked: the rights on a sequence's components, final parameters,
 * and whether its kind still runs.
 * @throws ApiError 400, 403, 404, 429, and what the invocation throws.
 */
export async function invokeFound(parts: ActivationParts, request: InvocationRequest): Promise<InvocationOutcome> {
  const { user, target, payload } = request;
  const { exec, annotations } = target.action;
  if (exec.components) {
    const components = componentResources(exec.components, user.namespace.name);
    // The sequence itself was counted against the caller's limits.
    await parts.entitlement.check(user, 'ACTIVATE', components, { throttle: false });
  }
  refuseFinal(immutableParameters(annotations, target.parameters), payload);
  const deprecated = deprecatedRuntime(parts.runtimes, exec.kind);
  if (deprecated) throw deprecated;
  // Others may have started meanwhile; from here on nothing is waited for before it counts.
  parts.entitlement.checkConcurrency(user);
  return parts.invocation.invoke(request);
}

/** The components of a sequence, each once; `namespace` takes the place of `_`. */
export function componentResources(components: readonly string[], namespace: string): Resource[] {
  return [...new Set(components)].map((component) => {
    const { path, name } = inNamespace(readQualifiedName(component), namespace);
    return { path, collection: 'actions', name };
  });
}

export const PARAMETERS_NOT_ALLOWED = 'Request defines parameters that are not allowed (e.g., reserved properties).';

/** Parameters of an action annotated `final` are not for callers to change. @throws ApiError 400 */
function refuseFinal(immutable: ReadonlySet<string>, payload: Json | undefined): void {
  if (immutable.size === 0 || payload === null || typeof payload !== 'object') return;
  if (Object.keys(payload).some((key) => immutable.has(key))) throw badRequest(PARAMETERS_NOT_ALLOWED);
}
