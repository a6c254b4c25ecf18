import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { CollectionHandler, EntityHandler } from '../route.js';
import { pageOf } from '../entityWrites.js';
import { ruleView, statusOf } from './links.js';
import { triggerOf } from './triggerEdits.js';

export const getRule =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const rule = await ctx.entities.getRule(`${namespace}/${name}`);
    if (!rule) throw notFound();
    sendJson(res, 200, ruleView(rule, statusOf(await triggerOf(ctx, rule.trigger), rule._id)));
  };

/** Lists rules without their states. */
export const listRules =
  (ctx: ControllerContext): CollectionHandler =>
  async ({ req, res, namespace }) => {
    const { skip, limit, count } = pageOf(queryOf(req), 'rules', ctx.limits);
    if (count) sendJson(res, 200, { rules: await ctx.entities.count('rules', namespace, skip) });
    else sendJson(res, 200, await ctx.entities.list('rules', namespace, { skip, limit }));
  };
