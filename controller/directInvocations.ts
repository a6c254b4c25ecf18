import type { ServerResponse } from 'node:http';
import { invokeAction } from './api/actions/invoke.js';
import type { ControllerContext } from './api/ControllerContext.js';
import type { DirectRoute } from './api/direct.js';
import { authenticate, authorize, newCall, refuseOtherTypes } from './api/route.js';
import { postTrigger } from './api/triggers/post.js';
import type { ApiRequest } from './http/ApiRequest.js';
import { setCors } from './http/cors.js';
import { entityNameOf } from './http/names.js';

/** `POST` on an action or a trigger. Names with escapes, and slashes at the end, are left to express. */
const INVOCATION =
  /^\/api\/v1\/namespaces\/([\w@.-]+)\/(?:actions\/(?:([\w@.-]+)\/)?([\w@.-]+)|triggers\/([\w@.-]+))(?:\?|$)/;

/** Whether `directInvocations` serves a request. */
export const isInvocation = (method: string, target: string): boolean => method === 'POST' && INVOCATION.test(target);

/** Invokes actions and fires triggers. */
export const directInvocations: DirectRoute = (ctx, req, res) => {
  if (req.method !== 'POST') return undefined;
  const [, namespace, inPackage, action, trigger] = INVOCATION.exec(req.url ?? '') ?? [];
  if (namespace === undefined) return undefined;
  setCors(res);
  return trigger === undefined
    ? invoke(ctx, req, res, namespace, inPackage, action ?? '')
    : fire(ctx, req, res, namespace, trigger);
};

async function invoke(
  ctx: ControllerContext,
  req: ApiRequest,
  res: ServerResponse,
  namespace: string,
  inPackage: string | undefined,
  name: string,
): Promise<void> {
  const user = await authenticate(ctx, req);
  refuseOtherTypes(req);
  const call = newCall(req, res, user, namespace);
  const target = {
    package: inPackage === undefined ? undefined : entityNameOf(inPackage),
    name: entityNameOf(name),
  };
  await invokeAction(ctx, call, target);
}

async function fire(
  ctx: ControllerContext,
  req: ApiRequest,
  res: ServerResponse,
  segment: string,
  trigger: string,
): Promise<void> {
  const user = await authenticate(ctx, req);
  refuseOtherTypes(req);
  const call = newCall(req, res, user, segment);
  const name = entityNameOf(trigger);
  await authorize(ctx, call, 'ACTIVATE', { path: call.namespace, collection: 'triggers', name });
  await postTrigger(ctx)({ ...call, name });
}
