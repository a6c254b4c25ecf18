import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { booleanParameter, listLimit, listSkip, queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import { authorize, type Call } from '../route.js';

/** Lists the actions of a namespace, including those in packages. */
export async function listActions(ctx: ControllerContext, call: Call): Promise<void> {
  await authorize(ctx, call, 'READ', { path: call.namespace, collection: 'actions' });
  await list(ctx, call, call.namespace);
}

/** Lists the actions of a package, or of the package that a binding refers to. */
export async function listPackageActions(ctx: ControllerContext, call: Call, name: string): Promise<void> {
  await ctx.entitlement.check(call.user, 'READ', [{ path: call.namespace, collection: 'packages', name }]);
  const found = await ctx.entities.getPackage(`${call.namespace}/${name}`);
  if (!found) throw notFound();
  const { namespace, name: bound } = found.binding;
  const path = namespace !== undefined && bound !== undefined ? `${namespace}/${bound}` : `${call.namespace}/${name}`;
  await list(ctx, call, path);
}

async function list(ctx: ControllerContext, call: Call, path: string): Promise<void> {
  const query = queryOf(call.req);
  const skip = listSkip(query, 'actions');
  const limit = listLimit(query, 'actions', ctx.limits);
  if (booleanParameter(query, 'count', false)) {
    sendJson(call.res, 200, { actions: await ctx.entities.count('actions', path, skip) });
  } else sendJson(call.res, 200, await ctx.entities.list('actions', path, { skip, limit }));
}
