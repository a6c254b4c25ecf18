import type { ControllerContext } from '../ControllerContext.js';
import { maxPayloadBytes } from '../../../shared/config/namespaceLimits.js';
import { notFound } from '../../http/ApiError.js';
import { sendText } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { statusOf, withRule } from './links.js';
import { readStatus } from './ruleBody.js';
import { editTrigger, triggerOf } from './triggerEdits.js';
import { documentId } from '../../../shared/entities/names.js';

/** Makes a rule active or inactive. A missing action shows only at the next fire. */
export const postRule =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, user, namespace, name }) => {
    const status = readStatus(await ctx.bodies.json(req, maxPayloadBytes(ctx.limits, user.limits)));
    const rule = await ctx.entities.getRule(`${namespace}/${name}`);
    if (!rule) throw notFound();
    const trigger = await triggerOf(ctx, rule.trigger);
    if (statusOf(trigger, rule._id) !== status) {
      const edited =
        trigger &&
        (await editTrigger(ctx, documentId(rule.trigger), (found) => withRule(found, rule._id, rule.action, status)));
      if (!edited) throw notFound('Only rules with existing triggers can be activated');
    }
    sendText(res, 200, 'OK');
  };
