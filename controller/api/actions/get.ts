import type { ControllerContext } from '../ControllerContext.js';
import { resolveAction, type ActionReader } from '../../invocation/resolve.js';
import { ApiError, notFound } from '../../http/ApiError.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import type { EntityReader } from '../../../shared/store/EntityStore.js';
import type { Call } from '../route.js';
import { withoutCode } from './actionView.js';
import { readLargeCode, sendAction } from './sendAction.js';
import { authorizeAction, type ActionPath } from './authorizeAction.js';

/** Responds with an action, merged with its package's parameters; with `code=false` without the code. */
export async function getAction(ctx: ControllerContext, call: Call, target: ActionPath): Promise<void> {
  const path = await authorizeAction(ctx, call, 'READ', target);
  const code = booleanParameter(queryOf(call.req), 'code', true);
  if (ctx.sharedPackagesExecuteOnly && call.namespace !== call.user.namespace.name) {
    throw new ApiError(403, `GET not permitted for '${path}' since it's an action in a shared package`);
  }
  const { latest } = ctx.entities;
  const reader: ActionReader = code ? withCode(latest) : latest;
  const resolved = await resolveAction(reader, { path, name: target.name });
  if (!resolved) throw notFound();
  if (ctx.sharedPackagesExecuteOnly && !resolved.action.namespace.startsWith(`${call.namespace}/`) && target.package) {
    throw new ApiError(
      403,
      `GET not permitted for '${path}/${target.name}'. Resource does not exist or is an action in a shared package binding.`,
    );
  }
  const action = code ? resolved.action : withoutCode(resolved.action);
  sendAction(call.res, action, await readLargeCode(ctx.bodies, call.req, action), resolved.parameters);
}

/** Reads actions with their code, so that each is read from the store once. */
const withCode = (latest: EntityReader): ActionReader => ({
  getPackage: (id) => latest.getPackage(id),
  getAction: (id) => latest.getActionWithCode(id),
});
