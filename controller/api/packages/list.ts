import type { ControllerContext } from '../ControllerContext.js';
import { queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { CollectionHandler } from '../route.js';
import { pageOf } from '../entityWrites.js';

/** Lists a namespace's packages: the owner sees all, other callers only the published ones. */
export const listPackages =
  (ctx: ControllerContext): CollectionHandler =>
  async ({ req, res, user, namespace }) => {
    const { skip, limit, count } = pageOf(queryOf(req), 'packages', ctx.limits);
    const { entities } = ctx;
    const owner = namespace === user.namespace.name;
    if (count) {
      const packages = await (owner
        ? entities.count('packages', namespace, skip)
        : entities.countPublicPackages(namespace, skip));
      sendJson(res, 200, { packages });
      return;
    }
    const page = { skip, limit };
    sendJson(
      res,
      200,
      await (owner ? entities.list('packages', namespace, page) : entities.listPublicPackages(namespace, page)),
    );
  };
