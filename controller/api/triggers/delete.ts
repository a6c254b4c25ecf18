import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { readAndWrite } from '../staleness.js';
import { triggerView } from './triggerView.js';

/** Deletes a trigger. Its rules remain, without a trigger. */
export const deleteTrigger =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const trigger = await readAndWrite(async () => {
      const found = await ctx.entities.latest.getTrigger(`${namespace}/${name}`);
      if (found?._rev === undefined) throw notFound();
      if (!(await ctx.entities.delete(found._id, found._rev))) throw notFound();
      return found;
    });
    await ctx.onTriggerDeleted?.(trigger._id);
    sendJson(res, 200, triggerView(trigger));
  };
