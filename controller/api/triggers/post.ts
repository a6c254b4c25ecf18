import type { ControllerContext } from '../ControllerContext.js';
import { maxPayloadBytes } from '../../../shared/config/namespaceLimits.js';
import { notFound } from '../../http/ApiError.js';
import { ACTIVATION_ID_HEADER, sendEmpty, sendJson } from '../../http/respond.js';
import { givenColor } from '../colorHeaders.js';
import type { EntityHandler } from '../route.js';
import { fireTrigger } from '../../invocation/fire.js';

/** Fires a trigger. Responds 202 with the activation id, or 204 if the trigger has no active rule. */
export const postTrigger =
  (ctx: ControllerContext): EntityHandler =>
  async ({ req, res, user, transid, namespace, name }) => {
    await ctx.activations.ready();
    const payload = await ctx.bodies.jsonObject(req, maxPayloadBytes(ctx.limits, user.limits));
    const trigger = await ctx.entities.getTrigger(`${namespace}/${name}`);
    if (!trigger) throw notFound();
    const fired = fireTrigger(ctx, {
      transid,
      user,
      trigger,
      payload,
      headers: req.headers,
      color: givenColor(req.headers),
    });
    if (!fired) {
      sendEmpty(res, 204);
      return;
    }
    await fired.accepted;
    res.setHeader(ACTIVATION_ID_HEADER, fired.activationId);
    sendJson(res, 202, { activationId: fired.activationId });
  };
