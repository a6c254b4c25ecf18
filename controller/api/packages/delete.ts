import type { ControllerContext } from '../ControllerContext.js';
import { conflict, notFound } from '../../http/ApiError.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { sendDeleted } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { readAndWrite } from '../staleness.js';
import { packageView } from './packageView.js';
import { bindingOf } from './revise.js';

/** Deletes a binding or an empty package; with `force=true` also the package's actions. */
export const deletePackage =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, namespace, name }) => {
    const force = booleanParameter(queryOf(req), 'force', false);
    const id = `${namespace}/${name}`;
    const gone = await readAndWrite(async () => {
      const existing = await ctx.entities.latest.getPackage(id);
      if (existing?._rev === undefined) throw notFound();
      if (!bindingOf(existing)) await empty(ctx, id, force);
      if (!(await ctx.entities.delete(id, existing._rev))) throw notFound();
      return existing;
    });
    sendDeleted(res, packageView(gone), ctx.requireResponsePayload);
  };

async function empty(ctx: ControllerContext, id: string, force: boolean): Promise<void> {
  const contents = await ctx.entities.list('actions', id, { skip: 0, limit: 0 });
  if (contents.length === 0) return;
  if (!force) {
    const what = contents.length === 1 ? 'entity' : 'entities';
    throw conflict(
      `Package not empty (contains ${contents.length} ${what}). Set force param or delete package contents.`,
    );
  }
  for (const { name } of contents) {
    if (typeof name !== 'string') continue;
    const action = await ctx.entities.latest.getAction(`${id}/${name}`);
    // Another request may have deleted it in the meantime.
    if (action?._rev !== undefined) await ctx.entities.delete(action._id, action._rev);
  }
}
