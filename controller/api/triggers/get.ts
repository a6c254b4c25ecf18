import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { CollectionHandler, EntityHandler } from '../route.js';
import { pageOf } from '../entityWrites.js';
import { triggerView } from './triggerView.js';

export const getTrigger =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const trigger = await ctx.entities.latest.getTrigger(`${namespace}/${name}`);
    if (!trigger) throw notFound();
    sendJson(res, 200, triggerView(trigger));
  };

export const listTriggers =
  (ctx: ControllerContext): CollectionHandler =>
  async ({ req, res, namespace }) => {
    const { skip, limit, count } = pageOf(queryOf(req), 'triggers', ctx.limits);
    if (count) sendJson(res, 200, { triggers: await ctx.entities.count('triggers', namespace, skip) });
    else sendJson(res, 200, await ctx.entities.list('triggers', namespace, { skip, limit }));
  };
