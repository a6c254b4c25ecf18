import { isPath } from '../../invocation/qualifiedNames.js';
import type { ControllerContext } from '../ControllerContext.js';
import { namespaceLimits } from '../../../shared/config/namespaceLimits.js';
import { badRequest, malformedContent } from '../../http/ApiError.js';
import { nextVersion, optional } from '../../http/fields.js';
import { booleanParameter, queryOf } from '../../http/query.js';
import { sendJson } from '../../http/respond.js';
import type { EntityHandler } from '../route.js';
import { createOrUpdate, FIRST_VERSION, readEntityBody, type EntityBody } from '../entityWrites.js';
import { readAndWrite } from '../staleness.js';
import { triggerView } from './triggerView.js';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import { isObject, valueOf, type Json } from '../../../shared/entities/keyvalue.js';

/** Creates or changes a trigger. A changed trigger keeps its rules. */
export const putTrigger =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, user, namespace, name }) => {
    const json = await ctx.bodies.json(req);
    const { fields, ...body } = readEntityBody(json, namespaceLimits(ctx.limits, user.limits).maxParameterBytes);
    // Triggers have no limits, but OpenWhisk checks the field.
    optional(fields, 'limits', readLimits);
    const overwrite = booleanParameter(queryOf(req), 'overwrite', false);
    const trigger = await readAndWrite(async () => {
      const changed = await createOrUpdate(
        await ctx.entities.latest.getTrigger(`${namespace}/${name}`),
        overwrite,
        () => newTrigger(namespace, name, body, ctx.clock()),
        (existing) => revisedTrigger(existing, body, ctx.clock()),
      );
      return ctx.entities.putTrigger(changed);
    });
    sendJson(res, 200, triggerView(trigger));
  };

function readLimits(value: Json): void {
  if (!isObject(value)) throw malformedContent('Object expected');
}

/** Makes a new trigger. @throws ApiError 400 if its annotation `feed` is not a name. */
export function newTrigger(namespace: string, name: string, body: EntityBody, now: number): TriggerDocument {
  const feed = valueOf(body.annotations ?? [], 'feed');
  if (feed !== undefined && (typeof feed !== 'string' || !isPath(feed))) throw badRequest('Feed name is not valid');
  return {
    _id: `${namespace}/${name}`,
    entityType: 'trigger',
    namespace,
    name,
    parameters: [...(body.parameters ?? [])],
    limits: {},
    version: body.version ?? FIRST_VERSION,
    publish: body.publish ?? false,
    annotations: [...(body.annotations ?? [])],
    updated: now,
  };
}

/** The trigger after an update. Missing fields keep their value. */
function revisedTrigger(old: TriggerDocument, body: EntityBody, now: number): TriggerDocument {
  return {
    ...old,
    parameters: [...(body.parameters ?? old.parameters)],
    version: body.version ?? nextVersion(old.version),
    publish: body.publish ?? old.publish,
    annotations: [...(body.annotations ?? old.annotations)],
    updated: now,
  };
}
