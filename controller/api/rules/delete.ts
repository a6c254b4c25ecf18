import type { ControllerContext } from '../../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../../http/route.js';
import { ruleView, withoutRule } from './links.js';
import { editTrigger, triggerOf } from './triggerEdits.js';
import { documentId } from '../../../shared/entities/names.js';

/** Deletes a rule, active or not, and takes it out of its trigger. */
export const deleteRule =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const rule = await ctx.entities.getRule(`${namespace}/${name}`);
    if (rule?._rev === undefined) throw notFound();
    if (await triggerOf(ctx, rule.trigger)) {
      await editTrigger(ctx, documentId(rule.trigger), (trigger) => withoutRule(trigger, rule._id));
    }
    if (!(await ctx.entities.delete(rule._id, rule._rev))) throw notFound();
    sendJson(res, 200, ruleView(rule, 'inactive'));
  };
