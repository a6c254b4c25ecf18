import type { ControllerContext } from '../ControllerContext.js';
import { notFound } from '../../http/ApiError.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { readAndWrite } from '../staleness.js';
import { ruleView, withoutRule } from './links.js';
import { editTrigger, triggerOf } from './triggerEdits.js';
import type { RuleDocument } from '../../../shared/entities/documents.js';
import { documentId } from '../../../shared/entities/names.js';

/** Deletes a rule, active or not, and removes it from its trigger. */
export const deleteRule =
  (ctx: ControllerContext): EntityHandler =>
  async ({ res, namespace, name }) => {
    const rule = await readAndWrite(() => removeRule(ctx, `${namespace}/${name}`));
    if (!rule) throw notFound();
    sendJson(res, 200, ruleView(rule, 'inactive'));
  };

/** @returns the deleted rule; undefined if it did not exist. @throws DocumentConflictError, WrongEntityTypeError */
export async function removeRule(
  parts: Pick<ControllerContext, 'entities'>,
  id: string,
): Promise<RuleDocument | undefined> {
  const rule = await parts.entities.getRule(id);
  if (rule?._rev === undefined) return undefined;
  if (await triggerOf(parts, rule.trigger)) {
    await editTrigger(parts, documentId(rule.trigger), (trigger) => withoutRule(trigger, rule._id));
  }
  return (await parts.entities.delete(rule._id, rule._rev)) ? rule : undefined;
}
