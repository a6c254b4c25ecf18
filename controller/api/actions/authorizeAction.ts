import type { ControllerContext } from '../ControllerContext.js';
import type { Privilege } from '../../entitlement/Entitlement.js';
import { badRequest, notFound } from '../../http/ApiError.js';
import { authorize, type Call } from '../route.js';

/** The action that a path names; `package` is missing if it is in the default package. */
export interface ActionPath {
  readonly package?: string | undefined;
  readonly name: string;
}

const NOT_ON_BINDING = 'Operation not permitted on package binding.';

/**
 * Checks that the caller has this privilege on the action and that the package exists. Clients write actions to
 * packages; they cannot write through a binding.
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
