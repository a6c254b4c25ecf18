import { refuseDeprecated } from './deprecation.js';
import { ParametersNotAllowedError, NotFoundError } from '../refusals/refusals.js';
import type { Entitlement, Resource } from '../entitlement/Entitlement.js';
import type { Invocation, InvocationOutcome, InvocationRequest, ResolvedAction } from './Invocation.js';
import { immutableParameters } from './parameters.js';
import { inNamespace, readQualifiedName } from './qualifiedNames.js';
import { resolveAction, type ActionReader } from './resolve.js';
import type { Json } from '../../shared/entities/keyvalue.js';
import type { FullyQualifiedName } from '../../shared/entities/names.js';
import { isReference } from '../../shared/objects/reference.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';

/** The parts that an invocation needs. */
export interface ActivationParts {
  readonly entities: ActionReader;
  readonly entitlement: Pick<Entitlement, 'check' | 'checkConcurrency'>;
  readonly invocation: Invocation;
  readonly runtimes: Runtimes;
}

/**
 * Invokes an action on behalf of a rule, like `POST` on the action: checks the caller's rights and limits, then calls
 * `invokeFound`. The namespace of `name` must not be `_`.
 * @throws Refusal, WrongEntityTypeError, and the errors of the invocation.
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

/** Finds an action by name. @throws NotFoundError, CircularBindingError, WrongEntityTypeError */
export async function findAction(source: ActionReader, name: FullyQualifiedName): Promise<ResolvedAction> {
  const target = await resolveAction(source, name);
  if (!target) throw new NotFoundError();
  return target;
}

/**
 * Invokes an action. The caller's rights on it must have been checked. Checks the rights on a sequence's components,
 * the final parameters and that the action's kind is not deprecated.
 * @throws Refusal, and the errors of the invocation.
 */
export async function invokeFound(parts: ActivationParts, request: InvocationRequest): Promise<InvocationOutcome> {
  const { user, target, payload, references } = request;
  const { exec, annotations } = target.action;
  if (exec.components) {
    const components = componentResources(exec.components, user.namespace.name);
    // The sequence already counts against the caller's limits.
    await parts.entitlement.check(user, 'ACTIVATE', components, { throttle: false });
  }
  const immutable = immutableParameters(annotations, target.parameters);
  refuseFinal(immutable, payload);
  // Nobody has seen yet whether the fields of its object set final parameters.
  if (references && immutable.size > 0 && isReference(payload)) throw new ParametersNotAllowedError();
  refuseDeprecated(parts.runtimes, exec.kind);
  // Other invocations may have started in the meantime. No `await` may follow before this one counts.
  parts.entitlement.checkConcurrency(user);
  return await parts.invocation.invoke(request);
}

/** The components of a sequence without duplicates; `namespace` replaces `_`. */
function componentResources(components: readonly string[], namespace: string): Resource[] {
  return [...new Set(components)].map((component) => {
    const { path, name } = inNamespace(readQualifiedName(component), namespace);
    return { path, collection: 'actions', name };
  });
}

/** Refuses a payload that sets final parameters. @throws ParametersNotAllowedError */
function refuseFinal(immutable: ReadonlySet<string>, payload: Json | undefined): void {
  if (immutable.size === 0 || payload === null || typeof payload !== 'object') return;
  if (Object.keys(payload).some((key) => immutable.has(key))) throw new ParametersNotAllowedError();
}
