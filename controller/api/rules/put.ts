import { resolveAction } from '../../invocation/resolve.js';
import type { ControllerContext } from '../ControllerContext.js';
import type { Resource } from '../../entitlement/Entitlement.js';
import { namespaceLimits } from '../../../shared/config/namespaceLimits.js';
import { badRequest } from '../../http/ApiError.js';
import { CORRUPTED_MESSAGE } from '../answers.js';
import { nextVersion } from '../../http/fields.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { createOrUpdate, FIRST_VERSION } from '../entityWrites.js';
import { readAndWrite } from '../staleness.js';
import { ruleView, statusOf, withoutRule, withRule } from './links.js';
import { readRuleBody, type RuleBody } from './ruleBody.js';
import { editTrigger, triggerOf } from './triggerEdits.js';
import type { RuleDocument } from '../../../shared/entities/documents.js';
import { documentId, type FullyQualifiedName } from '../../../shared/entities/names.js';
import { CorruptedEntityError, WrongEntityTypeError } from '../../../shared/store/EntityStore.js';

/** Creates or changes a rule and adds it to its trigger. A new rule is active; a changed rule keeps its state. */
export const putRule =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, user, namespace, name }) => {
    const json = await ctx.bodies.json(req);
    const body = readRuleBody(json, namespace, namespaceLimits(ctx.limits, user.limits).maxParameterBytes);
    const overwrite = booleanParameter(queryOf(req), 'overwrite', false);
    await ctx.entitlement.check(user, 'READ', referenced(body));
    const id = `${namespace}/${name}`;
    const rule = await readAndWrite(async () => {
      const changed = await createOrUpdate(
        await ctx.entities.getRule(id),
        overwrite,
        () => createRule(ctx, namespace, name, body),
        (existing) => updateRule(ctx, existing, body),
      );
      return ctx.entities.putRule(changed);
    });
    sendJson(res, 200, ruleView(rule, overwrite ? statusOf(await triggerOf(ctx, rule.trigger), id) : 'active'));
  };

function referenced({ trigger, action }: RuleBody): Resource[] {
  const resources: Resource[] = [];
  if (trigger) resources.push({ path: trigger.path, collection: 'triggers', name: trigger.name });
  if (action) resources.push({ path: action.path, collection: 'actions', name: action.name });
  return resources;
}

async function createRule(
  ctx: ControllerContext,
  namespace: string,
  name: string,
  body: RuleBody,
): Promise<RuleDocument> {
  const { trigger, action } = body;
  if (!trigger || !action) throw badRequest('rule requires a valid trigger and a valid action');
  await checkExist(ctx, trigger, action);
  const id = `${namespace}/${name}`;
  await editTrigger(ctx, documentId(trigger), (found) => withRule(found, id, action, 'active'));
  return {
    _id: id,
    entityType: 'rule',
    namespace,
    name,
    trigger,
    action,
    version: body.version ?? FIRST_VERSION,
    publish: body.publish ?? false,
    annotations: [...(body.annotations ?? [])],
    updated: ctx.clock(),
  };
}

async function updateRule(ctx: ControllerContext, rule: RuleDocument, body: RuleBody): Promise<RuleDocument> {
  const status = statusOf(await triggerOf(ctx, rule.trigger), rule._id);
  const trigger = body.trigger ?? rule.trigger;
  const action = body.action ?? rule.action;
  await checkExist(ctx, trigger, action);
  const oldTrigger = documentId(rule.trigger);
  await editTrigger(ctx, documentId(trigger), (found) => withRule(found, rule._id, action, status));
  if (documentId(trigger) !== oldTrigger && (await triggerOf(ctx, rule.trigger))) {
    await editTrigger(ctx, oldTrigger, (found) => withoutRule(found, rule._id));
  }
  return {
    ...rule,
    trigger,
    action,
    version: body.version ?? nextVersion(rule.version),
    publish: body.publish ?? rule.publish,
    annotations: [...(body.annotations ?? rule.annotations)],
    updated: ctx.clock(),
  };
}

/** Checks that a new rule's trigger and action exist. Both may be deleted later. @throws ApiError 400 */
async function checkExist(
  ctx: ControllerContext,
  trigger: FullyQualifiedName,
  action: FullyQualifiedName,
): Promise<void> {
  try {
    if (!(await ctx.entities.latest.getTrigger(documentId(trigger)))) {
      throw badRequest(`trigger /${documentId(trigger)} does not exist`);
    }
    if (!(await resolveAction(ctx.entities.latest, action)))
      throw badRequest(`action /${documentId(action)} does not exist`);
  } catch (error) {
    const unreadable = error instanceof WrongEntityTypeError || error instanceof CorruptedEntityError;
    if (unreadable) throw badRequest(CORRUPTED_MESSAGE);
    throw error;
  }
}
