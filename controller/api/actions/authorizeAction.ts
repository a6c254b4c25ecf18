import type { ControllerContext } from '../ControllerContext.js';
import type { Privilege } from '../../entitlement/Entitlement.js';
import { badRequest, notFound } from '../../http/ApiError.js';
import { authorize, type Call } from '../route.js';

/** Which action a path names: `package` is missing for one in the default package. */
export interface ActionPath {
  readonly package?: string | undefined;
  readonly name: string;
}

const NOT_ON_BINDING = 'Operation not permitted on package binding.';

/**
 * Checks that the caller may do this to the action, and that its package is there. What is written goes to packages, not
 * through bindings.
 * @returns the action's path: `namespace` or `namespace/package`
 * @throws ApiError 400, 403, 404, 409, 429
 */
export async function authorizeAction(
  ctx: ControllerContext,
  call: Call,
  privilege: Privilege,
  action: ActionPath,
): Promise<string> {
  const { namespace } = call;
  if (action.package === undefined) {
    await authorize(ctx, call, privilege, { path: namespace, collection: 'actions', name: action.name });
    return namespace;
  }
  const path = `${namespace}/${action.package}`;
  await ctx.entitlement.check(call.user, privilege, [{ path, collection: 'actions', name: action.name }]);
  const found = await ctx.entities.getPackage(path);
  if (!found) throw notFound();
  const writes = privilege === 'PUT' || privilege === 'DELETE';
  if (writes && found.binding.name !== undefined) throw badRequest(NOT_ON_BINDING);
  return path;
}
