import type { Limits } from '../../../shared/config/limits.js';
import type { UserLimits } from '../../../shared/entities/identity.js';
import { namespaceLimits } from '../../../shared/config/namespaceLimits.js';
import type { Routes } from '../app.js';
import { badRequest } from '../../http/ApiError.js';
import { sendJson, type JsonBody } from '../../http/respond.js';
import { authorize, callOf } from '../route.js';

/** The limits of a namespace. The installation's defaults replace missing limits. */
export const limitRoutes: Routes = (router, ctx) => {
  router.get('/namespaces/:namespace/limits{/}', async (req, res) => {
    const call = callOf(req, res);
    await authorize(ctx, call, 'READ', { path: call.namespace, collection: 'limits' });
    sendJson(res, 200, limitsView(ctx.limits, call.user.limits));
  });
  router.get('/namespaces/:namespace/limits/:name{/*rest}', (req, res) => {
    callOf(req, res);
    throw badRequest('Inner entity level routes for limits are not yet implemented.');
  });
};

function limitsView(limits: Limits, user: UserLimits): JsonBody {
  const bounds = namespaceLimits(limits, user);
  return {
    ...user,
    invocationsPerMinute: user.invocationsPerMinute ?? limits.invocationsPerMinute,
    concurrentInvocations: bounds.concurrentInvocations,
    firesPerMinute: user.firesPerMinute ?? limits.firesPerMinute,
    minActionMemory: bounds.memory.min,
    maxActionMemory: bounds.memory.max,
    minActionLogs: bounds.logs.min,
    maxActionLogs: bounds.logs.max,
    minActionTimeout: bounds.timeout.min,
    maxActionTimeout: bounds.timeout.max,
    minActionConcurrency: bounds.concurrency.min,
    maxActionConcurrency: bounds.concurrency.max,
    maxParameterSize: bounds.maxParameterSize,
    maxActionInstances: bounds.concurrentInvocations,
  };
}
