import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { sendEmpty } from '../../http/respond.js';
import type { Call } from '../route.js';
import { readAndWrite } from '../staleness.js';
import { readLargeCode, sendAction } from './sendAction.js';
import { authorizeAction, type ActionPath } from './authorizeAction.js';

/** Deletes an action and responds with its last state. Rules and sequences that name it remain. */
export async function deleteAction(ctx: ControllerContext, call: Call, target: ActionPath): Promise<void> {
  const path = await authorizeAction(ctx, call, 'DELETE', target);
  const { action, large } = await readAndWrite(async () => {
    const found = await ctx.entities.latest.getActionWithCode(`${path}/${target.name}`);
    if (!found) throw notFound();
    const code = ctx.requireResponsePayload ? await readLargeCode(ctx.bodies, call.req, found) : undefined;
    if (!(await ctx.entities.delete(found._id, found._rev ?? ''))) throw notFound();
    return { action: found, large: code };
  });
  if (ctx.requireResponsePayload) sendAction(call.res, action, large);
  else sendEmpty(call.res, 204);
}
