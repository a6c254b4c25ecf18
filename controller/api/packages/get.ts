import { mergeParameters } from '../../invocation/parameters.js';
import type { ControllerContext } from '../ControllerContext.js';
import { ApiError, notFound } from '../../http/ApiError.js';
import { CircularBindingError } from '../../refusals/refusals.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { actionsAndFeeds, packageView } from './packageView.js';
import { bindingOf } from './revise.js';
import { documentId } from '../../../shared/entities/names.js';

/**
 * Shows a package with its actions and feeds. For a binding, it shows those of the bound package, and merges
 * parameters.
 */
export const getPackage =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, user, namespace, name }) => {
    if (ctx.sharedPackagesExecuteOnly && namespace !== user.namespace.name) {
      throw new ApiError(403, `GET not permitted for '${namespace}/${name}' since it's a shared package`);
    }
    const id = `${namespace}/${name}`;
    const own = await ctx.entities.latest.getPackage(id);
    if (!own) throw notFound();
    const binding = bindingOf(own);
    if (!binding) {
      sendJson(res, 200, { ...packageView(own), ...(await contents(ctx, id)) });
      return;
    }
    const provider = documentId({ path: binding.namespace, name: binding.name });
    if (provider === id) throw new CircularBindingError(provider);
    if (ctx.sharedPackagesExecuteOnly && binding.namespace !== namespace) {
      throw new ApiError(403, `GET not permitted since ${name} is a binding of a shared package`);
    }
    const bound = await ctx.entities.latest.getPackage(provider);
    if (!bound) throw notFound();
    const parameters = mergeParameters(bound.parameters, own.parameters);
    sendJson(res, 200, { ...packageView(own, parameters), ...(await contents(ctx, provider)) });
  };

async function contents(ctx: ControllerContext, id: string) {
  return actionsAndFeeds(await ctx.entities.list('actions', id, { skip: 0, limit: 0 }));
}
