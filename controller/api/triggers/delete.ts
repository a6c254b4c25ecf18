import type { ControllerContext } from '../../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../../http/route.js';
import { triggerView } from './triggerView.js';

/** Deletes a trigger. Its rules stay, without a trigger. */
export const deleteTrigger =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const trigger = await ctx.entities.getTrigger(`${namespace}/${name}`);
    if (trigger?._rev === undefined) throw notFound();
    if (!(await ctx.entities.delete(trigger._id, trigger._rev))) throw notFound();
    await ctx.onTriggerDeleted?.(trigger._id);
    sendJson(res, 200, triggerView(trigger));
  };
